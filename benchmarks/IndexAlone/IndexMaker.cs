namespace MiniMilvus.Benchmarks.IndexAlone;

/// <summary>Makes rows: a 28-dimensional Gaussian → linear map to 96 → tanh(2x) → linear map to 128, plus noise.</summary>
internal sealed class IndexMaker(Random maps, Random rows)
{
    private const int Intrinsic = 28;
    private const int Hidden = 96;
    private readonly float[] _first = Gaussian(maps, Intrinsic * Hidden, 1 / Math.Sqrt(Intrinsic));
    private readonly float[] _second = Gaussian(maps, Hidden * IndexData.Dimension, 1 / Math.Sqrt(Hidden));

    public float[] Make(int count)
    {
        var made = new float[count * IndexData.Dimension];
        for (var row = 0; row < count; row++)
        {
            var inner = Gaussian(rows, Intrinsic, 1);
            var target = Gaussian(rows, IndexData.Dimension, 0.05);
            for (var h = 0; h < Hidden; h++)
            {
                var sum = 0f;
                for (var i = 0; i < Intrinsic; i++)
                {
                    sum += inner[i] * _first[(i * Hidden) + h];
                }

                var bent = MathF.Tanh(2 * sum);
                for (var d = 0; d < IndexData.Dimension; d++)
                {
                    target[d] += bent * _second[(h * IndexData.Dimension) + d];
                }
            }

            target.CopyTo(made, row * IndexData.Dimension);
        }

        return made;
    }

    private static float[] Gaussian(Random random, int count, double scale)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }
}
