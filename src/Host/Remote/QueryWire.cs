using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;
using MiniMilvus.Contracts.Internal.Query;
using MiniMilvus.Core;
using MiniMilvus.Core.Query;
using MiniMilvus.Core.Rows;
using MiniMilvus.Core.Schema;
using MiniMilvus.Core.Time;
using Wire = MiniMilvus.Contracts.Internal.Query;

namespace MiniMilvus.Host.Remote;

/// <summary>Searches and their results on the wire between proxy and query node.</summary>
internal static class QueryWire
{
    public static Wire.SearchRequest ToWire(Core.Query.SearchRequest r)
    {
        var wire = new Wire.SearchRequest
        {
            Collection = r.Collection.Value, VectorField = r.VectorField.Value, Metric = (int)r.Metric, TopK = r.TopK, Queries = Floats(r.Queries.Span),
            QueryCount = r.QueryCount, Filter = r.Filter, Guarantee = r.Guarantee.Value, Ef = r.Ef, RefineK = r.RefineK, IgnoreGrowing = r.IgnoreGrowing,
        };
        wire.Channels.AddRange(r.Channels.Select(c => c.Name));
        wire.Partitions.AddRange(r.Partitions.Select(p => p.Value));
        wire.OutputFields.AddRange(r.OutputFields.Select(f => f.Value));
        if (r.Radius is { } radius)
        {
            wire.Radius = radius;
        }

        if (r.RangeFilter is { } range)
        {
            wire.RangeFilter = range;
        }

        return wire;
    }

    public static Core.Query.SearchRequest FromWire(Wire.SearchRequest r) => new()
    {
        Collection = new CollectionId(r.Collection),
        Channels = [.. r.Channels.Select(c => new VChannel(c))],
        Partitions = [.. r.Partitions.Select(p => new PartitionId(p))],
        VectorField = new FieldId(r.VectorField),
        Metric = (MetricType)r.Metric,
        TopK = r.TopK,
        Queries = Floats(r.Queries),
        QueryCount = r.QueryCount,
        Filter = r.Filter,
        OutputFields = [.. r.OutputFields.Select(f => new FieldId(f))],
        Guarantee = new Timestamp(r.Guarantee),
        Ef = r.Ef,
        RefineK = r.RefineK,
        Radius = r.HasRadius ? r.Radius : null,
        RangeFilter = r.HasRangeFilter ? r.RangeFilter : null,
        IgnoreGrowing = r.IgnoreGrowing,
    };

    public static SearchResponse ToWire(SearchResult r)
    {
        var wire = new SearchResponse
        {
            Keys = Encode(r.Keys), Scores = Floats(r.Scores.AsSpan()), Snapshot = r.Snapshot.Value, DistancesComputed = r.Cost.DistancesComputed,
            RowsVisible = r.Cost.RowsVisible, GrowingSegments = r.Cost.GrowingSegments, SealedSegments = r.Cost.SealedSegments,
        };
        wire.Counts.AddRange(r.Counts);
        wire.Columns.AddRange(r.Columns.Select(Encode));
        return wire;
    }

    public static SearchResult FromWire(SearchResponse r) => new(
        [.. r.Counts], Decode(r.Keys), ImmutableCollectionsMarshal.AsImmutableArray(Floats(r.Scores)), [.. r.Columns.Select(Decode)], new Timestamp(r.Snapshot),
        new SearchCost(r.DistancesComputed, r.RowsVisible, r.GrowingSegments, r.SealedSegments));

    public static Wire.RetrieveRequest ToWire(Core.Query.RetrieveRequest r)
    {
        var wire = new Wire.RetrieveRequest { Collection = r.Collection.Value, Filter = r.Filter, Guarantee = r.Guarantee.Value, Offset = r.Offset, CountOnly = r.CountOnly };
        wire.Channels.AddRange(r.Channels.Select(c => c.Name));
        wire.Partitions.AddRange(r.Partitions.Select(p => p.Value));
        wire.OutputFields.AddRange(r.OutputFields.Select(f => f.Value));
        if (r.Limit is { } limit)
        {
            wire.Limit = limit;
        }

        return wire;
    }

    public static Core.Query.RetrieveRequest FromWire(Wire.RetrieveRequest r) => new()
    {
        Collection = new CollectionId(r.Collection),
        Channels = [.. r.Channels.Select(c => new VChannel(c))],
        Partitions = [.. r.Partitions.Select(p => new PartitionId(p))],
        Filter = r.Filter,
        OutputFields = [.. r.OutputFields.Select(f => new FieldId(f))],
        Guarantee = new Timestamp(r.Guarantee),
        Limit = r.HasLimit ? r.Limit : null,
        Offset = r.Offset,
        CountOnly = r.CountOnly,
    };

    public static RetrieveResponse ToWire(RetrieveResult r)
    {
        var wire = new RetrieveResponse { Count = r.Count, Snapshot = r.Snapshot.Value };
        wire.Columns.AddRange(r.Columns.Select(Encode));
        return wire;
    }

    public static RetrieveResult FromWire(RetrieveResponse r) => new([.. r.Columns.Select(Decode)], r.Count, new Timestamp(r.Snapshot));

    public static GetLoadStatusResponse ToWire(LoadStatus s)
    {
        var wire = new GetLoadStatusResponse { ProgressPercent = s.ProgressPercent };
        wire.Segments.AddRange(s.Segments.Select(l => new Wire.LoadedSegment
        {
            Id = l.Id.Value, Partition = l.Partition.Value, IsGrowing = l.IsGrowing, Rows = l.Rows, Bytes = l.Bytes, IsIndexed = l.IsIndexed,
        }));
        return wire;
    }

    public static LoadStatus FromWire(GetLoadStatusResponse s) => new(s.ProgressPercent,
        [.. s.Segments.Select(l => new Core.Query.LoadedSegment(new SegmentId(l.Id), new PartitionId(l.Partition), l.IsGrowing, l.Rows, l.Bytes, l.IsIndexed))]);

    private static ByteString Encode(Column column)
    {
        var bytes = new ArrayBufferWriter<byte>((int)ColumnCodec.EncodedBytes(column));
        ColumnCodec.Encode(column, bytes);
        return UnsafeByteOperations.UnsafeWrap(bytes.WrittenMemory);
    }

    private static Column Decode(ByteString bytes)
    {
        var memory = bytes.Memory;
        return ColumnCodec.Decode(ref memory);
    }

    private static ByteString Floats(ReadOnlySpan<float> values) => ByteString.CopyFrom(MemoryMarshal.AsBytes(values));

    private static float[] Floats(ByteString bytes) => MemoryMarshal.Cast<byte, float>(bytes.Span).ToArray();
}
