namespace MiniMilvus.Storage.Objects;

/// <summary>Requests to an object store and the bytes of their bodies, as a bill counts them: failed ones too.</summary>
public readonly record struct ObjectRequestTotals(long Puts, long Gets, long Heads, long Lists, long Deletes, long Failed, long PutBytes, long GetBytes)
{
    public long Requests => Puts + Gets + Heads + Lists + Deletes;

    public static ObjectRequestTotals operator +(ObjectRequestTotals a, ObjectRequestTotals b) => new(
        a.Puts + b.Puts, a.Gets + b.Gets, a.Heads + b.Heads, a.Lists + b.Lists, a.Deletes + b.Deletes, a.Failed + b.Failed, a.PutBytes + b.PutBytes, a.GetBytes + b.GetBytes);

    public static ObjectRequestTotals operator -(ObjectRequestTotals a, ObjectRequestTotals b) => new(
        a.Puts - b.Puts, a.Gets - b.Gets, a.Heads - b.Heads, a.Lists - b.Lists, a.Deletes - b.Deletes, a.Failed - b.Failed, a.PutBytes - b.PutBytes, a.GetBytes - b.GetBytes);

    public static ObjectRequestTotals Add(ObjectRequestTotals left, ObjectRequestTotals right) => left + right;

    public static ObjectRequestTotals Subtract(ObjectRequestTotals left, ObjectRequestTotals right) => left - right;
}
