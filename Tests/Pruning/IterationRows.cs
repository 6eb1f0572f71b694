using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

/// <summary>Keeps the rows of a search.</summary>
internal sealed class IterationRows : IRunObserver
{
    public List<IterationRow> All { get; } = [];

    public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers) => All.Add(row);

    public void Best(int iteration)
    {
    }

    public void Say(string line)
    {
    }

    public void Progress(string phase, double epoch, double epochs, double loss)
    {
    }
}
