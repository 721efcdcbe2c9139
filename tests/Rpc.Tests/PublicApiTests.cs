using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Grpc.Core;

namespace MiniMilvus.Rpc.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void Public_api_matches_the_committed_list()
    {
        string path = Path.Combine(SourceFolder(), "..", "..", "src", "Rpc", "PublicApi.txt");
        string actual = string.Join('\n', Signatures().Order(StringComparer.Ordinal)) + "\n";
        string committed = File.Exists(path) ? File.ReadAllText(path) : "";
        if (actual != committed && Environment.GetEnvironmentVariable("MINIMILVUS_ACCEPT_API") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.Equal(committed, actual);
    }

    private static IEnumerable<string> Signatures()
    {
        foreach (Type type in typeof(RpcException).Assembly.GetTypes().Where(IsVisible))
        {
            if (typeof(Delegate).IsAssignableFrom(type))
            {
                MethodInfo invoke = type.GetMethod("Invoke")!;
                yield return $"delegate {Name(invoke.ReturnType)} {FullName(type)}({Parameters(invoke)})";
                continue;
            }

            yield return TypeLine(type);
            const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
            foreach (ConstructorInfo c in type.GetConstructors(all).Where(c => !c.IsStatic && Seen(c)))
            {
                yield return $"{FullName(type)}: {Access(c)}.ctor({Parameters(c)})";
            }

            foreach (FieldInfo f in type.GetFields(all).Where(f => (f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly) && !f.IsSpecialName))
            {
                string value = f.IsLiteral ? $" = {Convert.ToString(type.IsEnum ? Convert.ToInt32(f.GetRawConstantValue()) : f.GetRawConstantValue(), System.Globalization.CultureInfo.InvariantCulture)}" : "";
                yield return $"{FullName(type)}: {(f.IsLiteral ? "const " : f.IsStatic ? "static readonly " : "")}{Name(f.FieldType)} {f.Name}{value}";
            }

            foreach (PropertyInfo p in type.GetProperties(all).Where(p => p.GetAccessors(true).Any(Seen)))
            {
                MethodInfo getter = p.GetAccessors(true).First(Seen);
                string set = p.SetMethod is { } s && Seen(s) ? " set;" : "";
                string index = p.GetIndexParameters().Length > 0 ? $"[{string.Join(", ", p.GetIndexParameters().Select(i => Name(i.ParameterType)))}]" : "";
                yield return $"{FullName(type)}: {Access(getter)}{Modifiers(getter)}{Name(p.PropertyType)} {p.Name}{index} {{ get;{set} }}";
            }

            foreach (MethodInfo m in type.GetMethods(all).Where(m => Seen(m) && !m.IsSpecialName && !m.Name.Contains('.', StringComparison.Ordinal)))
            {
                string generic = m.IsGenericMethodDefinition ? $"<{string.Join(", ", m.GetGenericArguments().Select(Name))}>" : "";
                yield return $"{FullName(type)}: {Access(m)}{Modifiers(m)}{Name(m.ReturnType)} {m.Name}{generic}({(m.IsDefined(typeof(ExtensionAttribute)) ? "this " : "")}{Parameters(m)})";
            }
        }
    }

    private static bool IsVisible(Type type)
        => type.IsPublic || (type.IsNested && (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamORAssem) && IsVisible(type.DeclaringType!));

    private static bool Seen(MethodBase m) => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly;

    private static string TypeLine(Type type)
    {
        string kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct"
            : type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";
        var bases = new List<Type>();
        if (type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) && b != typeof(Enum))
        {
            bases.Add(b);
        }

        Type[] inherited = type.BaseType?.GetInterfaces() ?? [];
        bases.AddRange(type.IsEnum ? [] : type.GetInterfaces().Where(i => i.IsVisible && !inherited.Contains(i)).OrderBy(i => i.Name, StringComparer.Ordinal));
        return $"{kind} {FullName(type)}{(bases.Count > 0 ? " : " + string.Join(", ", bases.Select(Name)) : "")}";
    }

    private static string Access(MethodBase m) => m.IsPublic ? "" : "protected ";

    private static string Modifiers(MethodInfo m)
        => m.IsStatic ? "static "
            : m.DeclaringType!.IsInterface ? ""
            : m.GetBaseDefinition() != m ? "override "
            : m.IsAbstract ? "abstract "
            : m is { IsVirtual: true, IsFinal: false } ? "virtual " : "";

    private static string Parameters(MethodBase m)
        => string.Join(", ", m.GetParameters().Select(p => $"{(p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")}{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? $" = {Default(p)}" : "")}"));

    private static string Default(ParameterInfo p) => p.DefaultValue switch
    {
        null => p.ParameterType.IsValueType && Nullable.GetUnderlyingType(p.ParameterType) is null ? "default" : "null",
        bool b => b ? "true" : "false",
        object o => Convert.ToString(o, System.Globalization.CultureInfo.InvariantCulture)!,
    };

    private static string FullName(Type type)
    {
        string prefix = type.DeclaringType is { } outer ? FullName(outer.IsGenericTypeDefinition ? outer : outer) + "." : type.Namespace + ".";
        return prefix + Simple(type);
    }

    private static string Simple(Type type)
    {
        if (!type.IsGenericType)
        {
            return type.Name;
        }

        string name = type.Name.Contains('`', StringComparison.Ordinal) ? type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)] : type.Name;
        return name + "<" + string.Join(", ", type.GetGenericArguments().Select(Name)) + ">";
    }

    private static string Name(Type type)
    {
        if (type.IsGenericParameter || type.Namespace is null)
        {
            return type.Name;
        }

        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying) + "?";
        }

        if (type.Namespace.StartsWith("Grpc", StringComparison.Ordinal))
        {
            return FullName(type);
        }

        return type == typeof(string) ? "string" : type == typeof(int) ? "int" : type == typeof(bool) ? "bool" : type == typeof(byte) ? "byte" : type == typeof(void) ? "void" : type == typeof(object) ? "object" : Simple(type);
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
