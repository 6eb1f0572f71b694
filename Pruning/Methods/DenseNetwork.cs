using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>A dense network, trained or given, as every method starts from it.</summary>
/// <param name="State">Its parameters.</param>
/// <param name="Epochs">What its training took; 0 where it was given.</param>
/// <param name="Seconds">The same in time.</param>
/// <param name="Validation">On the validation images.</param>
/// <param name="Test">On the test images; nothing but reports reads it.</param>
public sealed record DenseNetwork(TrainerState State, double Epochs, double Seconds, Score Validation, Score Test)
{
    /// <summary>Trains the network in a session's trainer.</summary>
    public static DenseNetwork Trained(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        session.TrainDense();
        return Measured(session.Trainer, session.Options.DenseEpochs, session.Elapsed);
    }

    /// <summary>Takes what is in a session's trainer.</summary>
    public static DenseNetwork Taken(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        session.TakeAsDense();
        return Measured(session.Trainer, 0, 0);
    }

    private static DenseNetwork Measured(Trainer trainer, double epochs, double seconds) =>
        new(trainer.Save(), epochs, seconds, trainer.Evaluate(Part.Validation), trainer.Evaluate(Part.Test));
}
