using Google.Protobuf.Collections;
using MiniMilvus.Contracts.Wire.Schema;
using MiniMilvus.Core.Errors;
using MiniMilvus.Core.Expressions;
using CoreSchema = MiniMilvus.Core.Schema.CollectionSchema;

namespace MiniMilvus.Proxy.Reading;

/// <summary>A request's filter, checked against the schema, its template values filled in.</summary>
internal static class FilterText
{
    /// <summary>Null = no filter. Invalid when the text is malformed: the message says where and what was expected.</summary>
    public static FilterExpression? Parse(string text, CoreSchema schema, MapField<string, TemplateValue> templates)
    {
        var values = templates.Count == 0 ? null : templates.ToDictionary(t => t.Key, t => Value(t.Key, t.Value));
        return FilterExpression.Parse(text, schema, values);
    }

    private static object Value(string name, TemplateValue value) => value.ValCase switch
    {
        TemplateValue.ValOneofCase.BoolVal => value.BoolVal,
        TemplateValue.ValOneofCase.Int64Val => value.Int64Val,
        TemplateValue.ValOneofCase.FloatVal => value.FloatVal,
        TemplateValue.ValOneofCase.StringVal => value.StringVal,
        TemplateValue.ValOneofCase.ArrayVal => value.ArrayVal.DataCase switch
        {
            TemplateArrayValue.DataOneofCase.BoolData => value.ArrayVal.BoolData.Data,
            TemplateArrayValue.DataOneofCase.LongData => value.ArrayVal.LongData.Data,
            TemplateArrayValue.DataOneofCase.DoubleData => value.ArrayVal.DoubleData.Data,
            TemplateArrayValue.DataOneofCase.StringData => value.ArrayVal.StringData.Data,
            TemplateArrayValue.DataOneofCase.None => Array.Empty<long>(),
            var other => throw Unsupported(name, $"an array of {other}"),
        },
        var other => throw Unsupported(name, other.ToString()),
    };

    private static MiniMilvusException Unsupported(string name, string found) =>
        MiniMilvusException.Invalid($"expression template '{name}': expected a bool, number, string or an array of them, found {found}");
}
