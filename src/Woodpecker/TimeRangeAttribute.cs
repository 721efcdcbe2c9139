using System.ComponentModel.DataAnnotations;

namespace MiniMilvus.Woodpecker;

/// <summary>The bounds of a time, read the same in every culture.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TimeRangeAttribute : RangeAttribute
{
    public TimeRangeAttribute(string minimum, string maximum)
        : base(typeof(TimeSpan), minimum, maximum) => (ParseLimitsInInvariantCulture, ConvertValueInInvariantCulture) = (true, true);
}
