using System.Numerics;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// The programs of a trainer. Which operations a step is made of follows from the mask; each program is built when a layer crosses its
/// break-even for the first time, and kept for when it comes back.
/// </summary>
/// <param name="parameters">What is trained.</param>
/// <param name="options">Smoothing of labels, and the break-even.</param>
/// <param name="builder">Makes the operations of layers.</param>
/// <param name="batches">Fetches images.</param>
/// <param name="evaluator">Measures.</param>
/// <param name="schedule">Has the rates.</param>
internal sealed class StepPrograms(
    Parameters parameters, TrainerOptions options, StepBuilder builder, Batches batches, Evaluator evaluator, Schedule schedule)
{
    private readonly Dictionary<(StepKind Kind, bool Pruned, BigInteger Choice, UpdateRule Rule), StepProgram> _programs = [];
    private readonly ComputeDevice _device = parameters.Device;
    private readonly Operation _advance = batches.Advance();
    private Operation[] _mix = [];
    private SharedValues? _shared;
    private int _chosenVersion = -1;
    private BigInteger _choice;

    /// <summary>Steps that learn.</summary>
    public StepProgram Training => Of(StepKind.Learning);

    /// <summary>Steps that measure.</summary>
    public StepProgram Evaluation => Of(StepKind.Measuring);

    /// <summary>Steps that go forward as those that learn do, and move nothing but running averages.</summary>
    public StepProgram Normalisation => Of(StepKind.Normalising);

    /// <summary>The values that are trained in place of weights; null for the weights.</summary>
    public SharedValues? Shared
    {
        get => _shared;
        set
        {
            _shared = value;
            _chosenVersion = -1;
            _programs.Clear();
        }
    }

    /// <summary>Steps whose last operation is given.</summary>
    public StepProgram EndingWith(Operation last)
    {
        Choose();
        return new StepProgram(_device, Forward([last]));
    }

    /// <summary>From now on a teacher's answers are mixed in, or nobody's.</summary>
    public void LearnFrom(Operation? mix)
    {
        _mix = mix is null ? [] : [mix];
        _programs.Clear();
    }

    private StepProgram Of(StepKind kind)
    {
        Choose();
        var key = (kind, parameters.IsPruned, _choice, schedule.Rule);
        if (!_programs.TryGetValue(key, out var program))
        {
            program = kind switch
            {
                StepKind.Learning => Learning(),
                StepKind.Normalising => new(_device, Forward([], parameters.Update(schedule.Rule, schedule.Rates, batches.Step))),
                _ => new(_device, Forward([evaluator.Loss(builder, 0)])),
            };
            _programs.Add(key, program);
        }
        return program;
    }

    /// <summary>Chooses for the mask as it is now which layers are computed from live weights; before operations are made.</summary>
    private void Choose()
    {
        if (_device.RunsOnHost && _chosenVersion != parameters.MaskVersion)
        {
            _choice = builder.Choose(parameters.GetMask(), parameters.IsPruned && _shared is null ? options.SparseBelow : 0);
            _chosenVersion = parameters.MaskVersion;
        }
    }

    /// <summary>What is done to a batch without learning from it.</summary>
    private IEnumerable<Operation[]> Forward(Operation[] last, Update? learning = null) =>
        [[batches.Gather(0)], .. builder.Forward(builder.Inputs[0], learning, _advance), last];

    private StepProgram Learning()
    {
        var update = parameters.Update(schedule.Rule, schedule.Rates, batches.Step);
        var weights = _shared is null ? update : update with { Rule = UpdateRule.Gradient, Gradient = _shared.Gradient };
        Operation[][] shared = _shared?.Updates(_device, parameters.Weight, update) ?? [];
        if (_device.RunsOnHost)
            return new(_device, [[batches.Gather(0, builder.TransposedInput)], .. Step(0)]);
        int inputs = builder.Inputs.Count;
        return StepProgram.ByTurns(
            _device, batches.Gather(0), [.. Enumerable.Range(0, inputs).Select(i => WithNext(Step(i), (i + 1) % inputs))]);

        Operation[][] Step(int input) =>
        [
            .. builder.Forward(builder.Inputs[input], update, _advance), [evaluator.Loss(builder, input, options.LabelSmoothing)], _mix,
            .. builder.Backward(builder.Inputs[input], weights, update), .. shared,
        ];

        // The second stage is the first in which the counter has moved on.
        Operation[][] WithNext(Operation[][] step, int input) => [step[0], [.. step[1], batches.Gather(input)], .. step[2..]];
    }
}

/// <summary>What steps are for.</summary>
internal enum StepKind
{
    Learning,
    Measuring,
    Normalising,
}
