using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;

namespace MiniMilvus.Core.Tests.Expressions;

public sealed class FilterParserTests
{
    internal static readonly CollectionSchema Closed = Schema(false);
    internal static readonly CollectionSchema Dynamic = Schema(true);

    internal static CollectionSchema Schema(bool isDynamic) => new()
    {
        Name = "c",
        EnableDynamicField = isDynamic,
        Fields =
        [
            F(100, "id", DataType.Int64) with { IsPrimaryKey = true },
            F(101, "age", DataType.Int32) with { IsNullable = true },
            F(102, "price", DataType.Double),
            F(103, "name", DataType.VarChar),
            F(104, "ok", DataType.Bool),
            F(105, "doc", DataType.Json),
            F(106, "v", DataType.FloatVector) with { Dim = 2 },
            .. isDynamic ? new[] { F(107, "$meta", DataType.Json) with { IsDynamic = true } } : [],
        ],
    };

    private static FieldSchema F(long id, string name, DataType type) => new() { Id = new FieldId(id), Name = name, Type = type };

    private static string Text(string filter, CollectionSchema? schema = null, Dictionary<string, object>? templates = null) =>
        FilterExpression.Parse(filter, schema ?? Closed, templates)!.ToText();

    [Theory]
    [InlineData("age == 3", "age == 3")]
    [InlineData("AGE_LIMIT > 3", "$meta['AGE_LIMIT'] > 3")]
    [InlineData("1 < age <= 5", "1 < age and age <= 5")]
    [InlineData("5 >= age > 1", "5 >= age and age > 1")]
    [InlineData("age in [1, 0x10, -3]", "age in [1, 16, -3]")]
    [InlineData("id not in []", "not id in []")]
    [InlineData("NOT age > 3 AND ok OR name == 'x'", "not age > 3 and ok == true or name == 'x'")]
    [InlineData("!(age > 3) && ok || name == \"x\"", "not age > 3 and ok == true or name == 'x'")]
    [InlineData("(ok or age == 1) and not (ok and age == 2)", "(ok == true or age == 1) and not (ok == true and age == 2)")]
    [InlineData("age + 2 * 3 == 7", "age + 6 == 7")]
    [InlineData("(age + 2) * 3 == 7", "(age + 2) * 3 == 7")]
    [InlineData("age - (price - 1) > 0", "age - (price - 1) > 0")]
    [InlineData("2 ** 3 ** 2 == age", "512 == age")]
    [InlineData("age ** (-1) < 2", "age ** (-1) < 2")]
    [InlineData("-age < -3", "0 - age < -3")]
    [InlineData("age % 2 == 0", "age % 2 == 0")]
    [InlineData("id == -9223372036854775808", "id == -9223372036854775808")]
    [InlineData("name like 'a\\%b%'", "name like 'a\\\\%b%'")]
    [InlineData("name == 'it\\'s \\\\ \\u0041'", "name == 'it\\'s \\\\ A'")]
    [InlineData("name != \"a'b\"", "name != 'a\\'b'")]
    [InlineData("doc[\"a\"]['b'][0] > 1.5", "doc['a']['b'][0] > 1.5")]
    [InlineData("$meta[\"x\"] == 'y'", "$meta['x'] == 'y'")]
    [InlineData("color[\"r\"] == 1", "$meta['color']['r'] == 1")]
    [InlineData("exists doc['a']", "exists doc['a']")]
    [InlineData("age is null or name is not null", "age is null or not name is null")]
    [InlineData("AGE IS NULL", "$meta['AGE'] is null")]
    [InlineData("json_contains(doc['a'], 1)", "json_contains_any(doc['a'], [1])")]
    [InlineData("JSON_CONTAINS_ALL(doc['a'], [1, 'b'])", "json_contains_all(doc['a'], [1, 'b'])")]
    [InlineData("array_length(doc['a']) == 3", "array_length(doc['a']) == 3")]
    [InlineData("ok == True and ok == TRUE and ok != false", "ok == true and ok == true and ok != false")]
    [InlineData("true", "true")]
    [InlineData("1 < 2", "true")]
    [InlineData("price == 2.0", "price == 2.0")]
    [InlineData("price < 1e3", "price < 1000.0")]
    public void A_filter_means_what_its_canonical_text_says(string filter, string expected)
    {
        Assert.Equal(expected, Text(filter, Dynamic));
        Assert.Equal(expected, Text(expected, Dynamic));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \n ")]
    public void A_blank_filter_matches_all(string filter) => Assert.Null(FilterExpression.Parse(filter, Closed));

    [Fact]
    public void Templates_are_filled_in()
    {
        var templates = new Dictionary<string, object> { ["n"] = 3L, ["list"] = new object[] { "a", "b'c" }, ["flag"] = true };
        Assert.Equal("age == 3 and name in ['a', 'b\\'c'] and ok == true", Text("age == {n} and name in {list} and ok == {flag}", null, templates));
        var missing = Assert.Throws<MiniMilvusException>(() => Text("age == {m}", null, templates));
        Assert.Contains("{m}", missing.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nope == 1", 0, "field nope not exist")]
    [InlineData("age = 1", 4, "equality is ==")]
    [InlineData("age == 'x'", 7, "expected something to compare with Int")]
    [InlineData("age ==", 6, "found the end")]
    [InlineData("age == 1 name", 9, "expected an operator or the end")]
    [InlineData("(age == 1", 9, "expected ')'")]
    [InlineData("v == 1", 0, "expected a scalar field")]
    [InlineData("name + 1 == 2", 0, "expected a number")]
    [InlineData("age", 0, "expected a condition")]
    [InlineData("age == 9223372036854775808", 7, "integer of 64 bits")]
    [InlineData("age == 9223372036854775807 + 1", 7, "overflow")]
    [InlineData("age == 1 / 0", 7, "division by zero")]
    [InlineData("1 < age > 2", 8, "one direction")]
    [InlineData("name like 3", 10, "expected a string after 'like'")]
    [InlineData("name == 'x", 8, "closed by '")]
    [InlineData("age[0] == 1", 0, "expected a JSON field")]
    [InlineData("And == 1", 0, "field And not exist")]
    public void A_wrong_filter_is_refused_with_its_position(string filter, int position, string part)
    {
        var error = Assert.Throws<MiniMilvusException>(() => FilterExpression.Parse(filter, Closed));
        Assert.Equal(ErrorKind.Invalid, error.Kind);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains($"position {position}:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_field_has_its_own_reason() =>
        Assert.Equal(ErrorReason.FieldNotFound, Assert.Throws<MiniMilvusException>(() => FilterExpression.Parse("x == 1", Closed)).Reason);

    [Fact]
    public void Keys_are_recognised()
    {
        Assert.Equal([new PrimaryKey(3), new PrimaryKey(1)], Keys("id in [3, 1, 3]")!);
        Assert.Equal([new PrimaryKey(7)], Keys("id == 7")!);
        Assert.Equal([new PrimaryKey(7)], Keys("7 == id")!);
        Assert.Null(Keys("id > 7"));
        Assert.Null(Keys("id == 7 and ok"));
        Assert.Null(Keys("age == 7"));
    }

    private static PrimaryKey[]? Keys(string filter) => FilterExpression.TryGetPrimaryKeys(FilterExpression.Parse(filter, Closed), Closed)?.ToArray();

    [Fact]
    public void Nesting_is_bounded_and_long_chains_are_not_nesting()
    {
        foreach (var deep in new[] { new string('(', 100_000), string.Concat(Enumerable.Repeat("not ", 100_000)), new string('-', 100_000), "age" + string.Concat(Enumerable.Repeat(" ** age", 50_000)), "age" + string.Concat(Enumerable.Repeat(" + age", 50_000)) + " == 1" })
        {
            var error = Assert.Throws<MiniMilvusException>(() => FilterExpression.Parse(deep, Closed));
            Assert.Contains("at most 200", error.Message, StringComparison.Ordinal);
        }

        var chain = FilterExpression.Parse(string.Join(" or ", Enumerable.Range(0, 20_000).Select(i => $"age == {i}")), Closed);
        Assert.Equal(20_000, Assert.IsType<OrFilter>(chain).Parts.Length);
        Assert.Throws<MiniMilvusException>(() => FilterExpression.Parse(new string(' ', FilterExpression.TextLengthMax + 1), Closed));
    }

    [Fact]
    public void A_text_that_parsed_renders_to_one_that_parses_however_deep()
    {
        var deep = string.Concat(Enumerable.Repeat("not ", 190)) + "age == 1";
        Assert.Equal(Text(deep), Text(Text(deep)));
        var sums = string.Concat(Enumerable.Repeat("(age == 1 or age == 2 and not ", 90)) + "ok" + new string(')', 90);
        Assert.Equal(Text(sums), Text(Text(sums)));
    }

    [Fact]
    public void No_input_crashes_the_parser()
    {
        var random = new Random(17);
        string[] words = ["age", "name", "doc", "[", "]", "(", ")", "'a'", "\"", "\\", "1", "0x", "1.5e", "==", "<", "in", "not", "and", "or", "like", "is", "null", "exists", "{x}", "{", "-", "**", ",", "json_contains", "$meta", "true", "\ud800", "%"];
        for (var i = 0; i < 40_000; i++)
        {
            var text = i % 2 == 0
                ? string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => words[random.Next(words.Length)] + (random.Next(3) == 0 ? "" : " ")))
                : new string(Enumerable.Range(0, random.Next(1, 40)).Select(_ => (char)random.Next(random.Next(2) == 0 ? 128 : 65536)).ToArray());
            try
            {
                var parsed = FilterExpression.Parse(text, Dynamic);
                if (parsed is not null)
                {
                    Assert.Equal(parsed.ToText(), Text(parsed.ToText(), Dynamic));
                }
            }
            catch (MiniMilvusException e)
            {
                Assert.Equal(ErrorKind.Invalid, e.Kind);
            }
        }
    }

    [Theory]
    [InlineData("ab%", "abc", true)]
    [InlineData("ab%", "xab", false)]
    [InlineData("%b_", "aabc", true)]
    [InlineData("%b_", "aab", false)]
    [InlineData("a\\%b", "a%b", true)]
    [InlineData("a\\%b", "axb", false)]
    [InlineData("%a%a%", "banana", true)]
    [InlineData("_", "😀", true)]
    [InlineData("", "", true)]
    [InlineData("%%", "", true)]
    [InlineData("a%b%c", "aXbYcZc", true)]
    public void A_like_pattern_matches(string pattern, string value, bool expected) => Assert.Equal(expected, new LikePattern(pattern).IsMatch(value));
}
