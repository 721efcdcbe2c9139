namespace MiniMilvus.Index.Hnsw;

/// <summary>
/// Keeps every linked row reachable. The choice of diverse neighbours may cut the last link to a row (of tight clusters, up to a seventh of the
/// rows), so each row has a parent: the links between the two, both ways, are never cut. They form one tree over all rows, so a walk that is
/// broad enough comes from any row to every other one. The writer's own, for the ground level.
/// </summary>
internal sealed class ReachTree
{
    private const int None = -1;
    private readonly GraphLinks _links;
    private readonly int[] _parent;
    private readonly int[] _child; // one of each row's, to go down by
    private readonly ushort[] _children;

    public ReachTree(GraphLinks links)
    {
        _links = links;
        _parent = new int[links.Capacity];
        _parent.AsSpan().Fill(None);
        _child = new int[links.Capacity];
        _children = new ushort[links.Capacity];
    }

    public bool Joins(int a, int b) => _parent[a] == b || _parent[b] == a;

    /// <summary>
    /// Gives a new row, which has chosen its neighbours and is in nobody's list yet, its parent: the first of its neighbours with room, or else the
    /// nearest room below the first of all. The row's list then names it.
    /// </summary>
    public void Adopt(int row)
    {
        Span<int> neighbours = _links.List(row, 0);
        int count = GraphLinks.CountOf(neighbours), parent = None;
        for (int i = 0; i < count && parent == None; i++)
        {
            if (HasRoom(neighbours[i])) parent = neighbours[i];
        }

        if (parent == None)
        {
            parent = neighbours[0];
            while (!HasRoom(parent)) parent = _child[parent];
            neighbours[count] = parent;
        }

        Join(row, parent);
    }

    /// <summary>Finds a tree again in a graph whose writer was given back: along links that go both ways, as those of the tree do.</summary>
    public void Rebuild(int entry)
    {
        var next = new Queue<int>([entry]);
        while (next.TryDequeue(out int row))
        {
            foreach (int neighbour in _links.List(row, 0))
            {
                if (neighbour < 0) break;
                if (neighbour == entry || _parent[neighbour] != None || !_links.List(neighbour, 0).Contains(row)) continue;
                Join(neighbour, row);
                next.Enqueue(neighbour);
            }
        }
    }

    // So that parent, children and a new child fill at most M + 1 of the 2 M slots.
    private bool HasRoom(int row) => _children[row] < _links.M;

    private void Join(int row, int parent)
    {
        _parent[row] = parent;
        _child[parent] = row;
        _children[parent]++;
    }
}
