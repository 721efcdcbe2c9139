using System.Text.Json.Serialization;

namespace MiniMilvus.Benchmarks.Measuring;

/// <summary>One figure beside its reference from the same run. <see cref="Holds"/> says whether the target was met; null = there is none.</summary>
internal sealed record Measurement(string Name, double Value, string Unit, double? Reference, string ReferenceName, double? Ratio, string Target, bool? Holds)
{
    public static Measurement AtLeast(string name, double value, string unit, double target, double? reference, string referenceName) =>
        new(name, value, unit, reference, referenceName, reference is > 0 ? value / reference : null, $">= {target:#,0.##} {unit}", value >= target);

    public static Measurement AtMost(string name, double value, string unit, double target, double? reference, string referenceName) =>
        new(name, value, unit, reference, referenceName, reference is > 0 ? value / reference : null, $"<= {target:N2} {unit}", value <= target);

    public static Measurement RatioAtLeast(string name, double value, string unit, double target, double reference, string referenceName) =>
        new(name, value, unit, reference, referenceName, value / reference, $">= {target:0.##} x", value / reference >= target);

    public static Measurement RatioAtMost(string name, double value, string unit, double target, double reference, string referenceName) =>
        new(name, value, unit, reference, referenceName, value / reference, $"<= {target:0.##} x", value / reference <= target);

    public static Measurement Info(string name, double value, string unit, double? reference = null, string referenceName = "") =>
        new(name, value, unit, reference, referenceName, reference is > 0 ? value / reference : null, "", null);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Measurement))]
internal sealed partial class MeasurementJson : JsonSerializerContext;
