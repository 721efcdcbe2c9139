// What a case allocates is measured over the process, so cases run one after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
