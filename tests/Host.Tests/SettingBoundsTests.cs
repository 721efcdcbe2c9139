using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using MiniMilvus.Core.Errors;
using MiniMilvus.Host.Configuration;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Host.Tests;

/// <summary>Every setting that can be wrong stops the start with its key, the value and what was expected.</summary>
public sealed class SettingBoundsTests
{
    /// <summary>Each key with each kind of value that it must refuse. Texts and lists of texts take anything.</summary>
    public static TheoryData<string, string, string> BadValues
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var (key, property) in Settings.Keys)
            {
                foreach (var (value, expected) in Bad(key, property))
                {
                    data.Add(key, value, expected);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(BadValues))]
    public void A_bad_value_stops_the_start_with_key_value_and_bounds(string key, string value, string expected)
    {
        var e = Assert.Throws<MiniMilvusException>(() => Load((key, value)));
        Assert.Equal(ErrorKind.Invalid, e.Kind);
        Assert.Equal($"setting {key} (command line): expected {expected}, found '{value}'", e.Message);
    }

    [Fact]
    public void Every_number_and_every_time_of_the_log_has_bounds_of_its_own()
    {
        var log = Settings.Keys.Where(k => k.Key.StartsWith("Woodpecker:", StringComparison.Ordinal)).ToList();
        Assert.True(log.Count >= 45, $"expected the settings of the log, found {log.Count}");
        Assert.Equal([], log.Where(k => k.Value.PropertyType != typeof(bool) && k.Value.GetCustomAttribute<RangeAttribute>() is null).Select(k => k.Key));
    }

    [Fact]
    public void The_defaults_are_within_the_bounds_and_contradict_nothing() => Assert.All(Load().Effective, s => Assert.Equal("default", s.Source));

    [Theory]
    [InlineData("Woodpecker:PreallocateBytesFirst", "2000000", "Woodpecker:PreallocateBytesMax", "1000000", "at most the 1000000 of PreallocateBytesMax")]
    [InlineData("Woodpecker:EntryBytesMax", "67108864", "Woodpecker:UnackedBytesMax", "4194304", "at most the 4194304 of UnackedBytesMax")]
    [InlineData("Woodpecker:ForeignPollInterval", "00:00:02", "Woodpecker:ForeignPollIntervalMax", "00:00:01", "at most the 00:00:01 of ForeignPollIntervalMax")]
    [InlineData("Proxy:MessageBytesMax", "4194304", "Woodpecker:EntryBytesMax", "1048576", "at most the 1048576 of Woodpecker:EntryBytesMax")]
    public void Settings_that_contradict_each_other_stop_the_start(string key, string value, string other, string bound, string expected)
    {
        var e = Assert.Throws<MiniMilvusException>(() => Load((key, value), (other, bound)));
        Assert.Equal((ErrorKind.Invalid, $"setting {key} (command line): expected {expected}, found '{value}'"), (e.Kind, e.Message));
        Load((key, bound), (other, bound));
    }

    private static Settings Load(params (string Key, string Value)[] given) => Settings.Load(given.ToDictionary(g => g.Key, g => (string?)g.Value), null);

    private static IEnumerable<(string Value, string Expected)> Bad(string key, PropertyInfo property)
    {
        var type = property.PropertyType;
        if (type.IsEnum)
        {
            yield return ("astronaut", $"one of {string.Join(", ", Enum.GetNames(type))}");
        }
        else if (type == typeof(bool))
        {
            yield return ("perhaps", "a value of type Boolean");
        }
        else if (type.IsValueType)
        {
            yield return ("many", $"a value of type {type.Name}");
            var range = property.GetCustomAttribute<RangeAttribute>();
            _ = range?.IsValid(Activator.CreateInstance(type)); // from here on the bounds of a time are times
            var bounds = range is not null ? string.Create(CultureInfo.InvariantCulture, $"{range.Minimum} to {range.Maximum}") : key.EndsWith("Port", StringComparison.Ordinal) ? "0 to 65535" : "zero or more";
            yield return (type == typeof(TimeSpan) ? "-00:00:01" : "-1", bounds);
            if (range is { Maximum: TimeSpan most })
            {
                yield return ((most + TimeSpan.FromMilliseconds(1)).ToString(), bounds);
            }
            else if (range is not null)
            {
                yield return ((Convert.ToInt64(range.Maximum, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture), bounds);
            }
            else if (key.EndsWith("Port", StringComparison.Ordinal))
            {
                yield return ("65536", bounds);
            }

            if (range is { Minimum: TimeSpan { Ticks: > 0 } })
            {
                yield return ("00:00:00", bounds);
            }
            else if (range is not null && Convert.ToDouble(range.Minimum is TimeSpan ? 0 : range.Minimum, CultureInfo.InvariantCulture) > 0)
            {
                yield return ("0", bounds);
            }
        }
    }
}
