namespace MiniMilvus.Simulation.World;

/// <summary>Invariants found broken, with what was seen. The first ends the run.</summary>
internal sealed class Violations(Func<string> when)
{
    private const int Most = 20;
    private readonly List<string> _found = [];

    public IReadOnlyList<string> Found => _found;

    public Action<string> OnFound { get; set; } = _ => { };

    public bool Any => _found.Count > 0;

    public void Add(string invariant, string seen)
    {
        if (_found.Count < Most)
        {
            var text = $"[{invariant}] at {when()}: {seen}";
            _found.Add(text);
            OnFound(text);
        }
    }
}
