using MiniMilvus.Core.Errors;

namespace MiniMilvus.Conformance.Support;

public static class Expect
{
    public static async Task<MiniMilvusException> KindAsync(ErrorKind kind, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<MiniMilvusException>(call);
        Assert.Equal(kind, e.Kind);
        return e;
    }

    public static MiniMilvusException Kind(ErrorKind kind, Action call)
    {
        var e = Assert.Throws<MiniMilvusException>(call);
        Assert.Equal(kind, e.Kind);
        return e;
    }
}
