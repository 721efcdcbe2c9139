// Two cores: no more than two tests with their processes at a time, each on folders and ports of its own.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
