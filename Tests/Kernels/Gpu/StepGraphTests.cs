using Secateurs.Kernels;

namespace Tests.KernelTests;

/// <summary>When steps are recorded, replayed and launched plainly, on a driver that only writes down what it is asked.</summary>
public sealed class StepGraphTests
{
    [Fact]
    public void The_first_step_is_plain_the_second_is_recorded_and_all_from_then_on_are_replayed()
    {
        var driver = new FakeDriver();
        var graph = driver.Graph();
        Run(graph, 1);
        Assert.False(graph.Replays);
        Assert.Equal(["step"], driver.Calls);
        Run(graph, 2);
        Run(graph, 1);
        Assert.True(graph.Replays);
        Assert.Null(graph.Trouble);
        Assert.Equal(["step", "begin", "captured", "end", "instantiate 7", "destroy 7", "launch 8", "launch 8", "launch 8"], driver.Calls);
        Assert.Equal(4, driver.Computed);
    }

    [Theory]
    [InlineData("begin", "cuStreamBeginCapture gave CUDA error 900", "begin")]
    [InlineData("end", "cuStreamEndCapture gave CUDA error 900", "begin", "captured", "end")]
    [InlineData("instantiate", "cuGraphInstantiate gave CUDA error 900", "begin", "captured", "end", "instantiate 7", "destroy 7")]
    [InlineData("launch", "cuGraphLaunch gave CUDA error 900", "begin", "captured", "end", "instantiate 7", "destroy 7", "launch 8")]
    [InlineData("captured", "a launch failed under capture: not permitted", "begin", "captured", "end", "destroy 7")]
    public void A_call_that_fails_is_the_last_one_and_no_step_is_lost(string failing, string trouble, params string[] calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        var driver = new FakeDriver { Failing = failing };
        var graph = driver.Graph();
        Run(graph, 3);
        Run(graph, 2);
        Assert.False(graph.Replays);
        Assert.Equal(trouble, graph.Trouble);
        Assert.Equal(["step", .. calls, "step", "step", "step", "step"], driver.Calls);
        Assert.Equal(5, driver.Computed);
        Assert.False(driver.Capturing);
    }

    [Fact]
    public void A_replay_that_fails_later_is_launched_plainly_too()
    {
        var driver = new FakeDriver();
        var graph = driver.Graph();
        Run(graph, 3);
        driver.Failing = "launch";
        Run(graph, 2);
        Assert.Equal(["launch 8", "launch 8", "launch 8", "step", "step"], driver.Calls.TakeLast(5));
        Assert.Equal(5, driver.Computed);
        Assert.False(graph.Replays);
    }

    [Fact]
    public void Where_there_is_no_driver_every_step_is_plain()
    {
        int computed = 0;
        var graph = new StepGraph(null, "no entry point", () => computed++);
        Run(graph, 5);
        Assert.Equal(5, computed);
        Assert.Equal("no entry point", graph.Trouble);
    }

    private static void Run(StepGraph graph, int steps)
    {
        for (int step = 0; step < steps; step++)
            graph.Run();
    }

    private sealed class FakeDriver : IGraphDriver
    {
        private const int Refused = 900;

        public string Failing { get; set; } = "";
        public List<string> Calls { get; } = [];
        public bool Capturing { get; private set; }

        /// <summary>Steps that a GPU would have computed: launched outside a capture, or replayed.</summary>
        public int Computed { get; private set; }

        public StepGraph Graph() => new(this, null, Step);

        private void Step()
        {
            Calls.Add(Capturing ? "captured" : "step");
            Computed += Capturing ? 0 : 1;
            if (Capturing && Failing == "captured")
                throw new InvalidOperationException("not permitted");
        }

        public int BeginCapture()
        {
            int result = Answer("begin");
            Capturing = result == 0;
            return result;
        }

        public int EndCapture(out nint graph)
        {
            Assert.True(Capturing);
            Capturing = false;
            int result = Answer("end");
            graph = result == 0 ? 7 : 0;
            return result;
        }

        public int Instantiate(nint graph, out nint executable)
        {
            int result = Answer("instantiate", graph);
            executable = result == 0 ? 8 : 0;
            return result;
        }

        public int Launch(nint executable)
        {
            int result = Answer("launch", executable);
            Computed += result == 0 ? 1 : 0;
            return result;
        }

        public int DestroyGraph(nint graph) => Answer("destroy", graph);

        private int Answer(string call, nint? handle = null)
        {
            Calls.Add(handle is null ? call : $"{call} {handle}");
            return call == Failing ? Refused : 0;
        }
    }
}
