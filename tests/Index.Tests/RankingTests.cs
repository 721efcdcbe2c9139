using MiniMilvus.Index.Ranking;

namespace MiniMilvus.Index.Tests;

public sealed class RankingTests
{
    [Fact]
    public void The_heap_keeps_the_k_best_and_breaks_ties_by_key_in_any_order_of_arrival()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            Neighbor[] offers = [.. Enumerable.Range(0, random.Next(1, 60)).Select(i => new Neighbor(i, random.Next(5)))];
            random.Shuffle(offers);
            var heap = new TopKHeap(random.Next(1, 20));
            foreach (Neighbor offer in offers) heap.Push(offer.Key, offer.Distance);

            Assert.Equal(offers.OrderBy(n => n.Distance).ThenBy(n => n.Key).Take(heap.K), heap.DrainSorted());
            Assert.Equal(0, heap.Count);
        }
    }

    [Fact]
    public void A_distance_that_is_not_a_number_is_the_farthest()
    {
        var heap = new TopKHeap(2);
        heap.Push(1, float.NaN);
        heap.Push(2, 5);
        heap.Push(3, 4);
        Assert.Equal([new Neighbor(3, 4), new Neighbor(2, 5)], heap.DrainSorted());
    }

    [Fact]
    public void A_heap_is_usable_again_after_it_was_drained()
    {
        var heap = new TopKHeap(2);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(float.PositiveInfinity, heap.Threshold);
            for (int i = 9; i >= 0; i--) heap.Push(i, i);
            Assert.Equal(1f, heap.Threshold);
            Assert.Equal([0L, 1L], heap.DrainSorted().Select(n => n.Key));
        }
    }

    [Fact]
    public void Merging_sorted_lists_gives_the_sorted_whole_and_tells_the_list()
    {
        var random = new Random(1);
        ReadOnlyMemory<Neighbor>[] lists = [.. Enumerable.Range(0, 7).Select(l =>
            new ReadOnlyMemory<Neighbor>([.. Enumerable.Range(0, l * 3).Select(i => new Neighbor(l * 100 + i, random.Next(10))).Order()]))];
        Neighbor[] all = [.. lists.SelectMany(l => l.ToArray()).Order()];

        Assert.Equal(all, SortedMerge.Take(lists, int.MaxValue));
        Assert.Equal(all.Take(5), SortedMerge.Take(lists, 5));
        var merge = new SortedMerge(lists);
        while (merge.TryNext(out Neighbor item, out int list)) Assert.Equal(item.Key / 100, list);
        Assert.Empty(SortedMerge.Take([], 3));
    }

    [Fact]
    public void Equal_items_come_from_the_earlier_list_first()
    {
        var same = new Neighbor(5, 1);
        var merge = new SortedMerge([new[] { same }, new[] { same }]);
        merge.TryNext(out _, out int first);
        merge.TryNext(out _, out int second);
        Assert.Equal((0, 1), (first, second));
    }

    [Fact]
    public void Packed_keys_order_as_distance_then_row_and_give_both_back()
    {
        float[] distances = [float.NegativeInfinity, -1e30f, -2f, -1f, -float.Epsilon, 0f, float.Epsilon, 1f, 2f, 1e30f, float.PositiveInfinity];
        int[] rows = [0, 1, 77, int.MaxValue];
        ulong[] keys = [.. distances.SelectMany(d => rows.Select(r => OrderedKey.Pack(d, r)))];
        Assert.Equal(keys.Order(), keys);
        foreach (float d in distances)
        {
            foreach (int r in rows)
            {
                Assert.Equal(d, OrderedKey.Distance(OrderedKey.Pack(d, r) | OrderedKey.Mark));
                Assert.Equal(r, OrderedKey.Row(OrderedKey.Pack(d, r) | OrderedKey.Mark));
            }
        }

        Assert.Equal(OrderedKey.Pack(0f, 1), OrderedKey.Pack(-0f, 1));
        Assert.Equal(OrderedKey.Pack(float.PositiveInfinity, 1), OrderedKey.Pack(-float.NaN, 1));
    }
}
