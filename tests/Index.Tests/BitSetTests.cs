using MiniMilvus.Index.Bitmaps;

namespace MiniMilvus.Index.Tests;

public sealed class BitSetTests
{
    [Theory, InlineData(0), InlineData(1), InlineData(63), InlineData(64), InlineData(65), InlineData(200), InlineData(1000)]
    public void Behaves_as_an_array_of_booleans_under_random_operations(int length)
    {
        var random = new Random(length);
        var set = new BitSet(length);
        var model = new bool[length];
        for (int step = 0; step < 300; step++)
        {
            int first = random.Next(length + 1), count = random.Next(length - first + 1);
            bool value = random.Next(2) == 0;
            var other = new BitSet(length);
            for (int i = 0; i < length; i++) other[i] = random.Next(2) == 0;
            switch (random.Next(6))
            {
                case 0: set.SetRange(first, count, value); model.AsSpan(first, count).Fill(value); break;
                case 1: set.And(other); for (int i = 0; i < length; i++) model[i] &= other[i]; break;
                case 2: set.Or(other); for (int i = 0; i < length; i++) model[i] |= other[i]; break;
                case 3: set.AndNot(other); for (int i = 0; i < length; i++) model[i] &= !other[i]; break;
                case 4: set.Not(); for (int i = 0; i < length; i++) model[i] = !model[i]; break;
                default: if (length > 0) { set[first % length] = value; model[first % length] = value; } break;
            }

            Assert.Equal(model.Count(b => b), set.Count());
            Assert.Equal(model.AsSpan(first, count).Count(true), set.Count(first, count));
            var rows = new List<int>();
            foreach (int row in set) rows.Add(row);
            Assert.Equal(Enumerable.Range(0, length).Where(i => model[i]), rows);
            Assert.Equal(Array.IndexOf(model, true, first), set.NextSet(first));
            if (length > 0) Assert.Equal(model[first % length], set[first % length]);
        }
    }

    [Fact]
    public void Rows_past_the_end_are_refused_and_never_counted()
    {
        var set = new BitSet(70, value: true);
        Assert.Equal(70, set.Count());
        Assert.Equal(0, set.Clone().Not().Count());
        Assert.Equal(70, BitSet.FromWords([ulong.MaxValue, ulong.MaxValue], 70).Count());
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Get(70));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Set(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.SetRange(60, 11));
        Assert.Throws<ArgumentException>(() => set.And(new BitSet(71)));
    }
}
