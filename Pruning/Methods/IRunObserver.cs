namespace Secateurs.Pruning.Methods;

/// <summary>Where a run reports: CSV files, a terminal, a test's list.</summary>
public interface IRunObserver
{
    /// <summary>An iteration ended.</summary>
    void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers);

    /// <summary>
    /// The trainer holds the best state so far, which an iteration ended with: what is worth saving if the run breaks off.
    /// </summary>
    void Best(int iteration);

    /// <summary>Something worth a line to a human: which phase begins, what was found.</summary>
    void Say(string line);

    /// <summary>Between iterations: how far the phase is.</summary>
    void Progress(string phase, double epoch, double epochs, double loss);
}
