using Secateurs.Kernels;
using Xunit;

namespace Tests.KernelTests;

/// <summary>Slices of a made-up program, whose steps take what the case says.</summary>
public sealed class WorkerChoiceTests
{
    private const int Workers = 4;

    /// <summary>Runs slices for so many seconds; returns the share of time that went to slices of all workers.</summary>
    private static double Run(WorkerChoice choice, double seconds, double all, double one)
    {
        double total = 0, withAll = 0;
        while (total < seconds)
        {
            double slice = choice.Steps * (choice.Workers == Workers ? all : one);
            withAll += choice.Workers == Workers ? slice : 0;
            total += slice;
            Assert.True(choice.Workers is 1 or Workers);
            choice.Record(choice.Steps, slice);
        }
        return withAll / total;
    }

    [Theory]
    [InlineData(1e-3, 3.5e-3)]
    [InlineData(1e-4, 1.2e-4)]
    [InlineData(0.5, 1.0)]
    public void All_workers_go_on_where_they_are_faster(double all, double one) =>
        Assert.True(Run(new WorkerChoice(Workers), 100, all, one) > 0.95);

    [Theory]
    [InlineData(1e-3, 1e-4)]
    [InlineData(2e-4, 1e-4)]
    public void One_goes_on_where_it_is_faster(double all, double one) => Assert.True(Run(new WorkerChoice(Workers), 100, all, one) < 0.05);

    [Fact]
    public void The_choice_follows_a_machine_that_becomes_busy_and_quiet_again()
    {
        var choice = new WorkerChoice(Workers);
        Assert.True(Run(choice, 20, 1e-3, 3e-3) > 0.9);
        Run(choice, 20, 10e-3, 3e-3);
        Assert.True(Run(choice, 20, 10e-3, 3e-3) < 0.1);
        Run(choice, 40, 1e-3, 3e-3);
        Assert.True(Run(choice, 20, 1e-3, 3e-3) > 0.9);
    }

    [Fact]
    public void A_slice_during_which_something_else_held_a_core_is_soon_forgotten()
    {
        var choice = new WorkerChoice(Workers);
        choice.Record(choice.Steps, 1);
        while (choice.Workers == Workers)
            choice.Record(choice.Steps, choice.Steps * 4e-3);
        choice.Record(choice.Steps, choice.Steps * 2e-3);
        Assert.Equal(1, choice.Workers);
        Assert.True(Run(choice, 1, 1e-3, 2e-3) > 0.7);
    }

    [Fact]
    public void A_single_fast_step_does_not_stand_for_many()
    {
        var choice = new WorkerChoice(Workers);
        choice.Record(choice.Steps, 1.0);
        choice.Record(choice.Steps, 1e-4);
        Assert.True(Run(choice, 2, 1e-3, 2e-4) < 0.5);
    }

    [Fact]
    public void The_first_step_which_compiles_counts_for_nothing()
    {
        var choice = new WorkerChoice(Workers);
        choice.Record(choice.Steps, 10.0);
        Assert.True(Run(choice, 1, 1e-3, 2e-3) > 0.9);
    }
}
