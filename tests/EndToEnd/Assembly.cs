// Two cores and real processes: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
