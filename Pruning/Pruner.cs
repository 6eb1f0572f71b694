using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning;

/// <summary>
/// One call prunes: a network is trained, or a dense one taken, and the lightest is found whose accuracy on images that were set aside is
/// within <see cref="PruneOptions.MaxDrop"/> of the dense network's.
/// </summary>
/// <example><code>
/// using var device = ComputeDevice.Cpu();
/// var data = Mnist.Load(Console.WriteLine);
/// var light = Pruner.Prune(device, data, "lenet-300-100", new PruneOptions { MaxDrop = 0.1 });
/// light.Model.Save("light.safetensors");
/// </code></example>
public static class Pruner
{
    /// <summary>Trains a network and prunes it.</summary>
    /// <param name="device">Where everything runs.</param>
    /// <param name="data">
    /// Its training images are split into those to learn from and those to decide by; its test images are for the report alone.
    /// </param>
    /// <param name="network">A known name, or a line of layers such as <c>conv8@5r pool2 fc64r fc10</c>.</param>
    /// <param name="options">What is asked for; null for the defaults. <see cref="PruneOptions.Network"/> is not read.</param>
    /// <param name="method">The way down; null for <see cref="MethodOf"/>.</param>
    /// <param name="progress">Is told of pieces of epochs and of iterations.</param>
    /// <param name="cancellation">Ends the search within some hundredths of a second.</param>
    /// <returns>
    /// The lightest network within the budget, of several budgets the smallest; the dense one where no lighter is within it.
    /// </returns>
    /// <exception cref="UserException">Usage: a value that cannot be had. Diverged: a loss that is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static PrunedNetwork Prune(
        ComputeDevice device, ImageData data, string network, PruneOptions? options = null, IPruningMethod? method = null,
        IProgress<PruneProgress>? progress = null, CancellationToken cancellation = default) =>
        PruneEach(device, data, network, options, method, progress, cancellation)[0];

    /// <summary>Prunes a dense network.</summary>
    /// <param name="device">Where everything runs.</param>
    /// <param name="data">The set that it was trained on.</param>
    /// <param name="dense">
    /// The network. Where it was trained here it brings seed and split, so that what it has learned from does not decide.
    /// </param>
    /// <param name="options">What is asked for; null for the defaults.</param>
    /// <param name="method">The way down; null for <see cref="MethodOf"/>.</param>
    /// <param name="progress">Is told of pieces of epochs and of iterations.</param>
    /// <param name="cancellation">Ends the search within some hundredths of a second.</param>
    /// <returns>
    /// The lightest network within the budget, of several budgets the smallest; the dense one where no lighter is within it.
    /// </returns>
    /// <exception cref="UserException">
    /// Usage: a value that cannot be had, or a network that is pruned already. Diverged: a loss that is not finite.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static PrunedNetwork Prune(
        ComputeDevice device, ImageData data, Checkpoint dense, PruneOptions? options = null, IPruningMethod? method = null,
        IProgress<PruneProgress>? progress = null, CancellationToken cancellation = default) =>
        PruneEach(device, data, dense, options, method, progress, cancellation)[0];

    /// <inheritdoc
    /// cref="Prune(ComputeDevice, ImageData, string, PruneOptions?, IPruningMethod?, IProgress{PruneProgress}?, CancellationToken)"/>
    /// <returns>One network a budget, the smallest budget first.</returns>
    public static IReadOnlyList<PrunedNetwork> PruneEach(
        ComputeDevice device, ImageData data, string network, PruneOptions? options = null, IPruningMethod? method = null,
        IProgress<PruneProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        options = (options ?? new PruneOptions()) with { Network = network };
        return PruneEach(device, data, options, null, method, progress, cancellation);
    }

    /// <inheritdoc
    /// cref="Prune(ComputeDevice, ImageData, Checkpoint, PruneOptions?, IPruningMethod?, IProgress{PruneProgress}?, CancellationToken)"/>
    /// <returns>One network a budget, the smallest budget first.</returns>
    public static IReadOnlyList<PrunedNetwork> PruneEach(
        ComputeDevice device, ImageData data, Checkpoint dense, PruneOptions? options = null, IPruningMethod? method = null,
        IProgress<PruneProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(dense);
        if (dense.Kept < dense.Total)
        {
            throw new UserException(
                ErrorKind.Usage, $"{nameof(dense)}: expected a network of all its {dense.Total} weights, found one with {dense.Kept}")
            {
                Parameter = nameof(dense),
            };
        }
        options ??= new PruneOptions();
        if (dense.Validation > 0)
            options = options with { Seed = dense.Seed, Validation = dense.Validation, Split = dense.Split };
        return PruneEach(device, data, options with { Network = dense.Network.Name }, dense, method, progress, cancellation);
    }

    /// <summary>What the options ask for: <see cref="TargetPruning"/> where they name a ratio, else <see cref="DynamicPruning"/>.</summary>
    public static IPruningMethod MethodOf(PruneOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.TargetRatio > 0 ? new TargetPruning(options.TargetRatio) : new DynamicPruning();
    }

    /// <summary>Puts a network into a trainer.</summary>
    public static void Put(Checkpoint checkpoint, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(trainer);
        trainer.Parameters.SetWeights(checkpoint.Weights);
        trainer.Parameters.SetMask(checkpoint.Mask);
        trainer.ResetOptimizer();
    }

    private static PrunedNetwork[] PruneEach(
        ComputeDevice device, ImageData data, PruneOptions options, Checkpoint? start, IPruningMethod? method,
        IProgress<PruneProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(data);
        options.Check();
        method ??= MethodOf(options);
        var network = start?.Network ?? NetworkDescription.Parse(options.Network, data.Shape);
        if (options.Validation == new PruneOptions().Validation && start is not { Validation: > 0 })
            options = options.For(data.Train);
        var parts = DataParts.Of(data, options);
        using var trainer = new Trainer(
            device, network, options.Training(data.Shape), parts.Training, parts.Validation, parts.Test,
            parts.Certification);
        if (start is not null)
            Put(start, trainer);
        var session = new PruneSession(trainer, options, new Reporter(progress), cancellation);
        var dense = start is null ? DenseNetwork.Trained(session) : DenseNetwork.Taken(session);
        var outcomes = method.Run(session);
        return [.. outcomes.Select(Take)];

        PrunedNetwork Take(PruneOutcome outcome)
        {
            trainer.Restore(outcome.State);
            var model = Checkpoint.Of(trainer, outcome.State.Parameters, options.Seed, options.Validation, new Dictionary<string, string>
            {
                ["state"] = method.Name,
                ["iteration"] = outcome.Iteration.ToString(CultureInfo.InvariantCulture),
            }, options.Split);
            return new PrunedNetwork(
                model, dense, outcome, trainer.Evaluate(Part.Validation, cancellation), trainer.Evaluate(Part.Test, cancellation));
        }
    }

    /// <summary>A run's reports as the platform's own progress.</summary>
    private sealed class Reporter(IProgress<PruneProgress>? progress) : IRunObserver
    {
        private PruneProgress _last;

        public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers) => progress?.Report(_last with { Iteration = row });

        public void Best(int iteration)
        {
        }

        public void Say(string line)
        {
        }

        public void Progress(string phase, double epoch, double epochs, double loss) =>
            progress?.Report(_last = new PruneProgress(phase, epoch, epochs, loss, null));
    }
}
