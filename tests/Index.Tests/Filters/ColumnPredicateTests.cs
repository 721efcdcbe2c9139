using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MiniMilvus.Core;
using MiniMilvus.Core.Expressions;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Index.Filters;

namespace MiniMilvus.Index.Tests.Filters;

public sealed class ColumnPredicateTests
{
    private static readonly CollectionSchema s_schema = new()
    {
        Name = "c",
        EnableDynamicField = true,
        Fields =
        [
            F(100, "id", DataType.Int64) with { IsPrimaryKey = true }, F(101, "i", DataType.Int32), F(102, "f", DataType.Float), F(103, "d", DataType.Double),
            F(104, "s", DataType.VarChar), F(105, "b", DataType.Bool), F(106, "doc", DataType.Json), F(107, "$meta", DataType.Json) with { IsDynamic = true },
            F(108, "late", DataType.Int64) with { IsNullable = true },
        ],
    };

    [Fact]
    public void A_compiled_filter_agrees_with_a_row_by_row_interpreter()
    {
        var random = new Random(5);
        for (var round = 0; round < 1500; round++)
        {
            int rows = random.Next(1, 200);
            ImmutableArray<Column> columns = Columns(random, rows);
            string text = Condition(random, 3);
            FilterExpression filter = FilterExpression.Parse(text, s_schema)!;
            var words = new ulong[ColumnPredicate.WordsFor(rows)];
            words.AsSpan().Fill(ulong.MaxValue);
            ColumnPredicate.Compile(filter).Evaluate(columns, rows, words);
            for (int row = 0; row < words.Length * 64; row++)
            {
                bool expected = row < rows && Naive.Truth(filter, columns, row) == true;
                bool found = (words[row >> 6] >> (row & 63) & 1) != 0;
                Assert.True(expected == found, $"{text}: row {row} of {rows}: expected {expected}, doc {(row < rows ? Encoding.UTF8.GetString(((JsonColumn)columns[6]).Values.Span[row].Span) : "")}");
            }

            // Cut into batches anywhere, the bitmap is the same.
            var bitmap = new PredicateBitmap(ColumnPredicate.Compile(FilterExpression.Parse(filter.ToText(), s_schema)!), rows);
            for (int first = 0; first < rows;)
            {
                int count = Math.Min(rows - first, random.Next(1, 90));
                int[] taken = [.. Enumerable.Range(first, count)];
                bitmap.Append([.. columns.Select(c => c.Take(taken))], count);
                first += count;
            }

            Assert.Equal(words, bitmap.ToBitSet().Words.ToArray());
        }
    }

    [Theory]
    [InlineData("i < 3 or i >= 3", 3)]
    [InlineData("not (i < 3)", 1)]
    [InlineData("not (not (i < 3))", 2)]
    [InlineData("i is null", 1)]
    [InlineData("i != 5", 2)]
    [InlineData("i not in [1]", 2)]
    [InlineData("late is null", 4)]
    [InlineData("late == 1 or not (late == 1)", 0)]
    [InlineData("missing == 1 or not (missing == 1)", 0)]
    [InlineData("f == 0.1", 4)]
    public void Null_matches_nothing_but_is_null(string filter, int expected)
    {
        ImmutableArray<Column> columns =
        [
            new ScalarColumn<int>(new FieldId(101), DataType.Int32, new[] { 1, 2, 5, 0 }, [true, true, true, false]),
            new ScalarColumn<float>(new FieldId(102), DataType.Float, new[] { 0.1f, 0.1f, 0.1f, 0.1f }),
        ];
        var bitmap = new PredicateBitmap(ColumnPredicate.Compile(FilterExpression.Parse(filter, s_schema)!), 4);
        bitmap.Append(columns, 4);
        Assert.Equal(expected, bitmap.ToBitSet().Count());
    }

    [Fact]
    public void A_document_that_is_no_json_matches_nothing_and_stops_nothing()
    {
        ReadOnlyMemory<byte>[] documents = [new byte[] { 0xff, 0xfe }, "{\"a\":\"\\ud800\"}"u8.ToArray(), "{\"a\":"u8.ToArray(), Array.Empty<byte>(), "{\"a\":1}"u8.ToArray()];
        var bitmap = new PredicateBitmap(ColumnPredicate.Compile(FilterExpression.Parse("doc['a'] != 2", s_schema)!), 5);
        bitmap.Append([new JsonColumn(new FieldId(106), documents)], 5);
        Assert.Equal(16UL, bitmap.ToBitSet().Words[0]);
    }

    private static FieldSchema F(long id, string name, DataType type) => new() { Id = new FieldId(id), Name = name, Type = type };

    private static ImmutableArray<Column> Columns(Random random, int rows)
    {
        bool[]? Valid() => random.Next(2) == 0 ? null : [.. Enumerable.Range(0, rows).Select(_ => random.Next(4) != 0)];
        T[] Make<T>(Func<T> one) => [.. Enumerable.Range(0, rows).Select(_ => one())];
        return
        [
            new ScalarColumn<long>(new FieldId(100), DataType.Int64, Make(() => (long)random.Next(-5, 6))),
            new ScalarColumn<int>(new FieldId(101), DataType.Int32, Make(() => random.Next(-5, 6)), Valid()),
            new ScalarColumn<float>(new FieldId(102), DataType.Float, Make(() => random.Next(10) == 0 ? float.NaN : random.Next(-5, 6) / 2f), Valid()),
            new ScalarColumn<double>(new FieldId(103), DataType.Double, Make(() => random.Next(-5, 6) / 4.0), Valid()),
            new StringColumn(new FieldId(104), Make(() => Text(random)), Valid()),
            new ScalarColumn<bool>(new FieldId(105), DataType.Bool, Make(() => random.Next(2) == 0), Valid()),
            new JsonColumn(new FieldId(106), Make(() => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(Json(random, 3))), Valid()),
            new JsonColumn(new FieldId(107), Make(() => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($"{{\"x\":{Json(random, 1)}}}")), Valid()),
        ];
    }

    private static string Text(Random random) => string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => "ab%_"[random.Next(4)]));

    private static string Json(Random random, int depth) => random.Next(depth > 0 ? 9 : 6) switch
    {
        0 => "null",
        1 => random.Next(2) == 0 ? "true" : "false",
        2 => (random.Next(-5, 6) / 2.0).ToString(CultureInfo.InvariantCulture),
        3 or 4 => random.Next(-5, 6).ToString(CultureInfo.InvariantCulture),
        5 => $"\"{Text(random)}\"",
        6 => $"[{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Json(random, depth - 1)))}]",
        _ => $"{{\"a\":{Json(random, depth - 1)},\"b\":{Json(random, depth - 1)}}}",
    };

    private static string Condition(Random random, int depth) => random.Next(depth > 0 ? 14 : 9) switch
    {
        0 or 1 or 2 => $"{Number(random, 2)} {Operator(random)} {Number(random, 1)}",
        3 => $"{(random.Next(2) == 0 ? "s" : Path(random))} {Operator(random)} '{Text(random)}'",
        4 => $"{new[] { "i", "id", "f", "d", Path(random) }[random.Next(5)]} {(random.Next(2) == 0 ? "not " : "")}in [{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(2) == 0 ? $"{random.Next(-5, 6)}" : $"{random.Next(-5, 6)}.5"))}]",
        5 => $"{(random.Next(2) == 0 ? "s" : Path(random))} {(random.Next(3) == 0 ? "in ['a','ab','']" : $"like '{Text(random)}%{Text(random)}'")}",
        6 => random.Next(2) == 0 ? $"{new[] { "i", "f", "s", "b", "late", Path(random) }[random.Next(6)]} is {(random.Next(2) == 0 ? "not " : "")}null" : $"exists {Path(random)}",
        7 => $"b {(random.Next(2) == 0 ? "==" : "!=")} {(random.Next(2) == 0 ? "true" : Path(random))}",
        8 => random.Next(2) == 0 ? $"json_contains_{(random.Next(2) == 0 ? "any" : "all")}({Path(random)}, [{random.Next(-2, 3)}, {random.Next(-2, 3)}, 'a'])" : $"array_length({Path(random)}) {Operator(random)} 2",
        9 => $"not ({Condition(random, depth - 1)})",
        10 => $"-3 <= i < {random.Next(6)}",
        11 or 12 => $"({Condition(random, depth - 1)}) and ({Condition(random, depth - 1)})",
        _ => $"({Condition(random, depth - 1)}) or ({Condition(random, depth - 1)})",
    };

    private static string Operator(Random random) => new[] { "==", "!=", "<", "<=", ">", ">=" }[random.Next(6)];

    private static string Path(Random random) => new[] { "doc", "doc['a']", "doc['a']['b']", "doc[0]", "doc['a'][1]", "x", "x['a']", "missing" }[random.Next(8)];

    private static string Number(Random random, int depth) => random.Next(depth > 0 ? 9 : 8) switch
    {
        0 or 1 => "i",
        2 => "id",
        3 => "f",
        4 => "d",
        5 => Path(random),
        6 => $"{random.Next(-5, 6)}",
        7 => $"{random.Next(-5, 6)}.25",
        _ => $"({Number(random, depth - 1)} {new[] { "+", "-", "*", "/", "%" }[random.Next(5)]} {new[] { "i", "d", "3", "2.5", "doc['a']" }[random.Next(5)]})",
    };

    /// <summary>Three-valued logic over one row, with a JSON tree: slow and plain.</summary>
    private static class Naive
    {
        public static bool? Truth(FilterExpression filter, ImmutableArray<Column> columns, int row)
        {
            switch (filter)
            {
                case ConstantFilter f: return f.Value;
                case NotFilter f: return !Truth(f.Inner, columns, row);
                case AndFilter f:
                    var all = f.Parts.Select(p => Truth(p, columns, row)).ToList();
                    return all.Contains(false) ? false : all.Contains(null) ? null : true;
                case OrFilter f:
                    var any = f.Parts.Select(p => Truth(p, columns, row)).ToList();
                    return any.Contains(true) ? true : any.Contains(null) ? null : false;
                case CompareFilter f:
                    object? left = Value(f.Left, columns, row), right = Value(f.Right, columns, row);
                    return left is null || right is null ? null : Compare(Rounded(left, f.Right), f.Operator, Rounded(right, f.Left));
                case InFilter f:
                    object? operand = Value(f.Operand, columns, row);
                    return operand is null ? null : f.Values.Any(v => Compare(operand, CompareOperator.Equal, Rounded(Constant(v)!, f.Operand)));
                case LikeFilter f:
                    object? value = Value(f.Operand, columns, row);
                    return value is null ? null : value is string text && Like(text, f.Pattern.Text);
                case IsNullFilter f: return Value(f.Operand, columns, row) is null;
                case ExistsFilter f: return Value(f.Operand, columns, row) is not null;
                case ContainsFilter f:
                    if (Value(f.Operand, columns, row) is not JsonElement { ValueKind: JsonValueKind.Array } array) return null;
                    bool Holds(FilterValue wanted) => array.EnumerateArray().Any(e => Json(e) is { } found && Compare(found, CompareOperator.Equal, Constant(wanted)!));
                    return f.Mode == ContainsMode.Any ? f.Values.Any(Holds) : f.Values.All(Holds);
                default: throw new NotSupportedException();
            }
        }

        // A float column is compared with constants rounded to float.
        private static object Rounded(object value, FilterOperand other) =>
            other is FieldOperand { Field.Type: DataType.Float } && value is double number ? (double)(float)number : value;

        private static bool Compare(object a, CompareOperator op, object b)
        {
            int? order = (a, b) switch
            {
                (string x, string y) => string.CompareOrdinal(x, y),
                (long x, long y) => x.CompareTo(y),
                (long or double, long or double) => Number(a) is var p && Number(b) is var q && (double.IsNaN(p) || double.IsNaN(q)) ? null : Number(a).CompareTo(Number(b)),
                (bool x, bool y) when op is CompareOperator.Equal or CompareOperator.NotEqual => x == y ? 0 : 1,
                _ => null,
            };
            return op switch
            {
                CompareOperator.Equal => order == 0,
                CompareOperator.NotEqual => order != 0,
                CompareOperator.Less => order < 0,
                CompareOperator.LessOrEqual => order <= 0,
                CompareOperator.Greater => order > 0,
                _ => order >= 0,
            };
        }

        private static double Number(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

        private static object? Constant(FilterValue value) => value.Kind switch
        {
            FilterValueKind.Bool => value.Bool,
            FilterValueKind.Int => value.Int,
            FilterValueKind.Float => value.Number,
            FilterValueKind.Text => value.Text,
            _ => null,
        };

        private static object? Value(FilterOperand operand, ImmutableArray<Column> columns, int row)
        {
            switch (operand)
            {
                case ConstantOperand o: return Constant(o.Value);
                case FieldOperand o:
                    Column? column = columns.FirstOrDefault(c => c.Field == o.Field.Id);
                    return column is null || column.IsNull(row) ? null : column switch
                    {
                        ScalarColumn<bool> c => c.Values.Span[row],
                        ScalarColumn<int> c => (long)c.Values.Span[row],
                        ScalarColumn<long> c => c.Values.Span[row],
                        ScalarColumn<float> c => (double)c.Values.Span[row],
                        ScalarColumn<double> c => c.Values.Span[row],
                        StringColumn c => c.Values.Span[row],
                        _ => null,
                    };
                case JsonOperand o:
                    var documents = (JsonColumn)columns.First(c => c.Field == o.Field.Id);
                    if (documents.IsNull(row)) return null;
                    JsonElement element = JsonDocument.Parse(documents.Values.Span[row]).RootElement;
                    foreach (JsonStep step in o.Path)
                    {
                        if (step.Key is { } key)
                        {
                            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(key, out element)) return null;
                        }
                        else if (element.ValueKind != JsonValueKind.Array || step.Index >= element.GetArrayLength())
                        {
                            return null;
                        }
                        else
                        {
                            element = element[step.Index];
                        }
                    }

                    return Json(element);
                case ArrayLengthOperand o:
                    return Value(o.Array, columns, row) is JsonElement { ValueKind: JsonValueKind.Array } array ? (long)array.GetArrayLength() : null;
                case ArithmeticOperand o:
                    object? left = Value(o.Left, columns, row), right = Value(o.Right, columns, row);
                    if (left is not (long or double) || right is not (long or double)) return null;
                    if (left is long x && right is long y)
                    {
                        return o.Operator switch
                        {
                            ArithmeticOperator.Add => x + y,
                            ArithmeticOperator.Subtract => x - y,
                            ArithmeticOperator.Multiply => x * y,
                            _ when y == 0 => null,
                            ArithmeticOperator.Divide => x / y,
                            _ => x % y,
                        };
                    }

                    double p = Number(left), q = Number(right);
                    return o.Operator switch
                    {
                        ArithmeticOperator.Add => p + q,
                        ArithmeticOperator.Subtract => p - q,
                        ArithmeticOperator.Multiply => p * q,
                        _ when q == 0 => null,
                        ArithmeticOperator.Divide => p / q,
                        _ => p % q,
                    };
                default: throw new NotSupportedException();
            }
        }

        private static object? Json(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => element.GetString(),
            JsonValueKind.Number => element.TryGetInt64(out long integer) ? (object)integer : element.GetDouble(),
            JsonValueKind.Null => null,
            _ => element,
        };

        private static bool Like(string text, string pattern)
        {
            if (pattern.Length == 0) return text.Length == 0;
            return pattern[0] switch
            {
                '%' => Enumerable.Range(0, text.Length + 1).Any(i => Like(text[i..], pattern[1..])),
                '_' => text.Length > 0 && Like(text[1..], pattern[1..]),
                _ => text.Length > 0 && text[0] == pattern[0] && Like(text[1..], pattern[1..]),
            };
        }
    }
}
