using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using MiniMilvus.Core.Errors;

namespace MiniMilvus.Host.Configuration;

/// <summary>One setting with its effective value and where that came from.</summary>
internal sealed record EffectiveSetting(string Key, string Value, string Source);

/// <summary>
/// Configuration the .NET way: defaults, then appsettings.json, then environment (<c>MINIMILVUS__Section__Key</c>), then the command line
/// (<c>--section.key value</c>), the later winning. A key that no setting has, or a value that does not fit, stops the start.
/// </summary>
internal sealed class Settings
{
    private const string EnvironmentPrefix = "MINIMILVUS__";
    private static readonly string[] Sections = ["Minio", "Etcd", "Tariff", "Scrub", "Coordinator", "Proxy", "StreamingNode", "QueryNode", "DataNode", "DataCoord", "Common", "Woodpecker"];

    private readonly IConfigurationRoot _root;
    private readonly List<EffectiveSetting> _effective = [];

    private Settings(IConfigurationRoot root, HostOptions options) => (_root, Options) = (root, options);

    /// <summary>Every key that a setting may have, <c>Section:Key</c>, in any case, and where its value goes.</summary>
    public static IReadOnlyDictionary<string, PropertyInfo> Keys { get; } = Scalars(typeof(HostOptions)).Select(p => (Key: NameOf(p), Property: p))
        .Concat(Sections.SelectMany(s => Scalars(typeof(HostOptions).GetProperty(s)!.PropertyType).Select(p => (Key: $"{s}:{NameOf(p)}", Property: p))))
        .ToDictionary(p => p.Key, p => p.Property, StringComparer.OrdinalIgnoreCase);

    public HostOptions Options { get; private set; }

    /// <summary>Every setting, in the order of the options' declaration.</summary>
    public IReadOnlyList<EffectiveSetting> Effective => _effective;

    public static Settings Load(IReadOnlyDictionary<string, string?> commandLine, string? file)
    {
        var builder = new ConfigurationBuilder();
        builder.AddJsonFile(Path.GetFullPath(file ?? "appsettings.json"), optional: file is null);
        builder.AddEnvironmentVariables(EnvironmentPrefix);
        builder.AddInMemoryCollection(commandLine);
        var settings = new Settings(builder.Build(), new HostOptions());
        settings.RefuseUnknownKeys();
        settings.Options = (HostOptions)settings.Bind(new HostOptions(), "");
        return settings;
    }

    private static IEnumerable<PropertyInfo> Scalars(Type type) => type.GetProperties().Where(p => p.SetMethod is not null && p.PropertyType != typeof(object)
        && (p.PropertyType == typeof(IReadOnlyList<string>) || TypeDescriptor.GetConverter(p.PropertyType).CanConvertFrom(typeof(string))));

    /// <summary>Milvus's name where it has one and ours differs.</summary>
    private static string NameOf(PropertyInfo property) => property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name ?? property.Name;

    private object Bind(object options, string prefix)
    {
        foreach (var property in options.GetType().GetProperties())
        {
            var key = prefix + NameOf(property);
            if (prefix.Length == 0 && Sections.Contains(property.Name))
            {
                property.SetValue(options, Bind(property.GetValue(options)!, property.Name + ":"));
            }
            else if (Scalars(options.GetType()).Contains(property))
            {
                var (text, source) = Look(key);
                if (text is not null)
                {
                    property.SetValue(options, Convert(key, text, property, source));
                }

                _effective.Add(new EffectiveSetting(key, Shown(key, property.GetValue(options)), source));
            }
        }

        RefuseContradictions(options, prefix);
        return options;
    }

    /// <summary>Values that are within their own bounds and beyond what another allows.</summary>
    private void RefuseContradictions(object options, string prefix)
    {
        foreach (var found in (options as IValidatableObject)?.Validate(new ValidationContext(options)) ?? [])
        {
            var setting = _effective.Single(s => s.Key == prefix + found.MemberNames.Single());
            throw MiniMilvusException.Invalid($"setting {setting.Key} ({setting.Source}): expected {found.ErrorMessage}, found '{setting.Value}'");
        }
    }

    private static string Shown(string key, object? value)
    {
        var text = value is IReadOnlyList<string> list ? string.Join(',', list) : System.Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        var isSecret = key.Contains("Secret", StringComparison.Ordinal) || key.Contains("Password", StringComparison.Ordinal);
        return isSecret && text.Length > 0 ? "***" : text;
    }

    private (string? Text, string Source) Look(string key)
    {
        foreach (var provider in _root.Providers.Reverse())
        {
            if (provider.TryGet(key, out var text))
            {
                return (text, provider switch
                {
                    Microsoft.Extensions.Configuration.Memory.MemoryConfigurationProvider => "command line",
                    Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationProvider => "environment",
                    _ => "appsettings.json",
                });
            }
        }

        return (null, "default");
    }

    private static object Convert(string key, string text, PropertyInfo property, string source)
    {
        var type = property.PropertyType;
        if (type == typeof(IReadOnlyList<string>))
        {
            return text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }

        try
        {
            var value = TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text)!;
            var isOutOfBounds = value is int and < 0 or long and < 0 or float and (< 0 or float.NaN) or double and (< 0 or double.NaN) or decimal and < 0 or TimeSpan { Ticks: < 0 } || (key.EndsWith("Port", StringComparison.Ordinal) && value is > 65_535);
            var range = property.GetCustomAttribute<RangeAttribute>();
            isOutOfBounds |= range is not null && !range.IsValid(value);
            return isOutOfBounds ? throw MiniMilvusException.Invalid($"setting {key} ({source}): expected {Bounds(key, range)}, found '{text}'") : value;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or NotSupportedException)
        {
            var names = type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type))}" : $"a value of type {type.Name}";
            throw MiniMilvusException.Invalid($"setting {key} ({source}): expected {names}, found '{text}'");
        }
    }

    private static string Bounds(string key, RangeAttribute? range) =>
        range is not null ? string.Create(CultureInfo.InvariantCulture, $"{range.Minimum} to {range.Maximum}") : key.EndsWith("Port", StringComparison.Ordinal) ? "0 to 65535" : "zero or more";

    private void RefuseUnknownKeys()
    {
        foreach (var (key, value) in _root.AsEnumerable())
        {
            if (value is not null && !Keys.ContainsKey(key))
            {
                throw MiniMilvusException.Invalid($"setting {key}: no such setting (found value '{value}'); `config` lists them all");
            }
        }
    }
}
