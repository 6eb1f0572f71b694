namespace Secateurs.Pruning.Methods;

/// <summary>What the controller decided at the end of an iteration.</summary>
public enum Decision
{
    /// <summary>Thresholds go up.</summary>
    Raise,

    /// <summary>Thresholds stay, training goes on.</summary>
    Hold,

    /// <summary>Not within a budget: what came out is dropped.</summary>
    Rollback,

    /// <summary>The run ends.</summary>
    Finish,
}

/// <summary>A row of iterations.csv. Accuracies in percent, losses in nats, elapsed time in seconds since the run began.</summary>
/// <param name="Iteration">From 1.</param>
/// <param name="Epoch">Epochs trained so far, in all phases.</param>
/// <param name="Phase">dense, probe, prune, retrain.</param>
/// <param name="Elapsed">Seconds.</param>
/// <param name="LearningRate">
/// Of dense training and hand-set retraining, whose rows are the epochs of one schedule, at the end of the epoch; of the way down its
/// rate at that ratio, which annealing begins with; of a probe, which moves no weight, 0.
/// </param>
/// <param name="TrainLoss">Mean over the iteration's batches; of a probe, which sees none, that of the dense network.</param>
/// <param name="ValidationLoss">Of the state that was judged.</param>
/// <param name="ValidationAccuracy">Of the state that was judged.</param>
/// <param name="Kept">Live weights.</param>
/// <param name="Total">All weights, biases not counted.</param>
/// <param name="Decision">What was decided.</param>
/// <param name="Reason">Why, for people: what was measured against what.</param>
/// <param name="Judged">The same for programs; null where nothing was judged.</param>
public sealed record IterationRow(
    int Iteration, double Epoch, string Phase, double Elapsed, double LearningRate, double TrainLoss, double ValidationLoss,
    double ValidationAccuracy, int Kept, int Total, Decision Decision, string Reason, JudgedNetwork? Judged = null)
{
    /// <summary>kept / total.</summary>
    public double Density => (double)Kept / Total;
}

/// <summary>What a row of iterations.csv says of a network that was compared with the dense one.</summary>
/// <param name="Ratio">Total / kept that it was pruned to: as asked for, or where a sensitivity was, as came out.</param>
/// <param name="Annealed">
/// Epochs in which its learning rate fell to zero: of hand-set pruning all of its retraining; 0 for a probe and for a look on the way down.
/// </param>
/// <param name="Origin">Iteration of the network that it goes on from; 0 for the dense network.</param>
/// <param name="Judgement">By the budget; of several budgets by the largest that the method goes by.</param>
public sealed record JudgedNetwork(double Ratio, double Annealed, int Origin, Judgement Judgement);

/// <summary>
/// A row of layers.csv: one layer at one iteration. The deviation is in units of the weights, the threshold in those of what it was
/// compared with.
/// </summary>
public sealed record LayerRow(int Iteration, string Layer, double Threshold, double Deviation, int Kept, int Total)
{
    /// <summary>kept / total.</summary>
    public double Density => (double)Kept / Total;
}
