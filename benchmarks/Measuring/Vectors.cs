namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>Seeded vectors of a low intrinsic dimension plus noise, as embeddings have.</summary>
internal sealed class Vectors(int dim, int seed)
{
    private const int Intrinsic = 16;

    private readonly float[] _basis = Gaussian(new Random(seed), Intrinsic * dim);

    public float[] Make(int rows, int from)
    {
        var random = new Random((seed * 7919) + from);
        var made = new float[rows * dim];
        for (var row = 0; row < rows; row++)
        {
            var weights = Gaussian(random, Intrinsic);
            for (var d = 0; d < dim; d++)
            {
                var sum = 0.1f * (random.NextSingle() - 0.5f);
                for (var k = 0; k < Intrinsic; k++)
                {
                    sum += weights[k] * _basis[(k * dim) + d];
                }

                made[(row * dim) + d] = sum;
            }
        }

        return made;
    }

    private static float[] Gaussian(Random random, int count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }
}
