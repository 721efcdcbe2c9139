using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Woodpecker;

/// <summary>What the numbers may be. Who configures them is held to the bounds of each and to those that some set to others; every log requires some of what it cannot be without.</summary>
public sealed partial record WoodpeckerOptions : IValidatableObject
{
    private static readonly (PropertyInfo Property, RangeAttribute Range)[] s_positive =
        [.. typeof(WoodpeckerOptions).GetProperties().Select(p => (Property: p, Range: p.GetCustomAttribute<RangeAttribute>()!)).Where(p => p.Range is not null && !p.Range.IsValid(Zero(p.Property)))];

    /// <summary>The settings that contradict each other. A member name is a property's; the message says what was expected of it.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (PreallocateBytesFirst > PreallocateBytesMax)
        {
            yield return AtMost(nameof(PreallocateBytesFirst), nameof(PreallocateBytesMax), PreallocateBytesMax);
        }

        if (ForeignPollInterval > ForeignPollIntervalMax)
        {
            yield return AtMost(nameof(ForeignPollInterval), nameof(ForeignPollIntervalMax), ForeignPollIntervalMax);
        }

        if (EntryBytesMax > UnackedBytesMax)
        {
            yield return AtMost(nameof(EntryBytesMax), nameof(UnackedBytesMax), UnackedBytesMax); // or it is refused whenever anything else is held
        }
    }

    /// <summary>Throws Invalid, with name, value and bounds, where nothing is given of what the log needs some of: it would wait for ever.</summary>
    internal void RequireSome()
    {
        foreach (var (property, range) in s_positive)
        {
            if (property.GetValue(this) is IComparable value && value.CompareTo(Zero(property)) <= 0)
            {
                throw MiniMilvusException.Invalid(string.Create(
                    CultureInfo.InvariantCulture, $"{nameof(WoodpeckerOptions)}.{property.Name}: expected {range.Minimum} to {range.Maximum}, found '{value}'"));
            }
        }
    }

    private static object Zero(PropertyInfo property) => Activator.CreateInstance(property.PropertyType)!;

    private static ValidationResult AtMost(string name, string other, IFormattable bound) =>
        new(string.Create(CultureInfo.InvariantCulture, $"at most the {bound} of {other}"), [name]);
}
