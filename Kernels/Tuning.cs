namespace Secateurs.Kernels;

/// <summary>
/// What one machine decided: break-even points, waits, distances and shares that another machine might set otherwise. Each with where and
/// when it was settled, and what speaks for it. On the CPU accelerator what says where Winograd's filtering is used, its parts and tiles,
/// change bits of results, nothing else; on a GPU shares of threads change the order of sums.
/// </summary>
/// <remarks>
/// "EPYC": 2 cores of an AMD EPYC with 512-bit vectors, shared with other machines, which figures of those days are from. "H100": NVIDIA
/// H100 80GB HBM3. "Counted": by the machine that runs a kernel's PTX, no GPU (Results/gpu/profile.txt). "No figure": it was settled
/// without one that was kept. Sizes that a body's registers are written out for (8 rows in <see cref="Tile"/>, 5 taps in
/// <see cref="TapTile"/>, four images in <see cref="Quad"/>) stand with the body.
/// </remarks>
internal static class Tuning
{
    // Workers of the CPU accelerator.

    /// <summary>
    /// Waits of <see cref="SpinLength"/> at a barrier before a worker yields its core. Some microseconds: other processes share the cores.
    /// 24 November 2026, no figure.
    /// </summary>
    public const int SpinsAtBarrier = 1000;

    /// <summary>Iterations of <see cref="Thread.SpinWait"/> in one wait at a barrier. 24 November 2026, no figure.</summary>
    public const int SpinLength = 4;

    /// <summary>
    /// How long launched workers wait for another call: some times what a launch costs. EPYC, 24 November 2026: answers of pruned
    /// networks 1.6 times as fast, together with squares of bytes that are turned in registers.
    /// </summary>
    public const int LingerMicroseconds = 200;

    /// <summary>Iterations of <see cref="Thread.SpinWait"/> between two looks for a call. 24 November 2026, no figure.</summary>
    public const int LingerSpinLength = 20;

    /// <summary>
    /// A slice of steps, before which the number of workers is chosen: some time slices of an operating system, and some hundred times what
    /// a launch costs. EPYC with other jobs on its cores, 24 November 2026: an epoch of lenet-300-100 1.35 s instead of 1.8 to 3.0, at
    /// density 0.01 0.18 s instead of 0.94 to 1.38.
    /// </summary>
    public const double SliceSeconds = 0.02;

    /// <summary>
    /// After a trial of the other number of workers, as many times its duration without one, at least and at most: trials cost a few
    /// percent. EPYC, 30 November 2026: asked again late, a core that was lost for one slice cost 1.3 s at half speed.
    /// </summary>
    public const double LeastPatience = 4, MostPatience = 64;

    /// <summary>Another number of workers must be faster by this factor to be taken. 24 November 2026, no figure.</summary>
    public const double WorkersMargin = 0.95;

    /// <summary>
    /// Bytes of a step's gradients up to which the updates of all layers run side by side, without waits between them; more do not stay in
    /// a cache until then. EPYC, 1 December 2026, batch 128, one worker: used up layer by layer, resnet-20 has steps of 0.85 to 0.92 of the
    /// time, and 212 MB less; with two workers 0.98.
    /// </summary>
    public const long GradientsTogether = 32 << 20;

    // Bodies of the CPU accelerator.

    /// <summary>
    /// Terms ahead that a backward pass asks for coefficients, about 400 cycles: they lie a row of weights apart, which no processor
    /// foresees. EPYC, 24 November 2026: lenet-5-caffe's fc1 backward data in 0.78 of the time, nothing else slower.
    /// </summary>
    public const int CoefficientsAhead = 24;

    /// <summary>
    /// Strips of 16 pixels ahead that images are asked for, which lie anywhere in 47 MB. EPYC, 24 November 2026, lenet-300-100 at density
    /// 0.01, one worker: gather 51 -> 24 us a step, an epoch in 0.79 of the time.
    /// </summary>
    public const int StripsAhead = 8;

    /// <summary>
    /// Density below which a layer that trains is computed from its live weights alone. EPYC, 24 November 2026, no figure of the break-even
    /// itself; at 0.05 an epoch takes 0.23 to 0.39 of a dense one, at 0.01 0.11 to 0.2 (Results/speed/bench.txt).
    /// </summary>
    public const double SparseTrainingBelow = 0.18;

    /// <summary>
    /// The same of a first convolution, whose images have no transform to compete with. EPYC, 24 November 2026; with 256-bit vectors it
    /// would pay up to 0.8 (Results/speed/bench-304x.txt).
    /// </summary>
    public const double SparseFirstBelow = 0.4;

    /// <summary>
    /// Share of the products over whole windows from which sums over live weights leave padding out. EPYC, 512-bit vectors, 2 December
    /// 2026, batch 128, density 0.05, with calls that cost more than now: 3x3 taps on 8x8 (0.16) took 1.2 of the time, on 4x4 (0.31) 0.85.
    /// </summary>
    public const double PaddingWorthSkipping = 0.25;

    /// <summary>
    /// How many times the vectors sums over live weights may take place by place of a row or a column, before they take one place in four
    /// blocks of images, which reads four times as much memory in between. 2 December 2026, no figure.
    /// </summary>
    public const double BlocksPay = 1.25;

    /// <summary>The same where answers are given. 24 November 2026, no figure.</summary>
    public const double SparseAnswersBelow = 0.3;

    /// <summary>
    /// The same beside <see cref="SquareWinograd"/>, whose transforms cost less of a product the more channels there are on either side.
    /// One core of an EPYC, 512-bit vectors, 1 December 2026: it reaches 170, 240, 280, 320 GFLOP/s of the formula at 16, 32, 64, 256
    /// channels, live weights alone 40 to 60.
    /// </summary>
    public static double SparseSquareAnswersBelow(int channels) => 0.14 + 2.4 / channels;

    /// <summary>
    /// Images that a worker takes through all layers at once to answer for them: four vectors, for each of which a live weight is loaded
    /// once. 24 November 2026, no figure.
    /// </summary>
    public const int ImagesPerChunk = 64;

    /// <summary>
    /// Half as many where these make a tensor of more bytes, which a core's cache does not hold. One core of an EPYC, 1 December 2026:
    /// resnet-20 takes 0.89 of the time, vgg-16 as long; with 16 images 0.88 and 1.2; lenet-5-caffe (2.9 MB) takes 1.0 to 1.4.
    /// </summary>
    public const int ChunkTensorBytes = 3 << 20;

    /// <summary>
    /// As few as there can be where all values of an image are more: 32 images of them take over 128 MB. 2 December 2026, no figure.
    /// </summary>
    public const int ManyValues = 1 << 20;

    /// <summary>Values of a launch on a GPU where answers are given: activations of 2 GB. 2 December 2026, no figure.</summary>
    public const long LaunchValues = 1 << 29;

    /// <summary>
    /// Features that are blank for 32 images and yet not worth leaving out between two that are not. 24 November 2026, no figure.
    /// </summary>
    public const int BlankGap = 4;

    /// <summary>
    /// Filters whose gradients go from a pooling to the weights at a time: with 64 images of 24 x 24 outputs 300 KB, so that they stay in a
    /// core's cache. EPYC, 24 November 2026: pooling backward, conv1 backward weight and bias of lenet-5-caffe in 0.74 of the time.
    /// </summary>
    public const int PooledFilters = 2;

    /// <summary>
    /// Image rows that a Winograd pass takes at a time: enough that a point's operands come from the first-level cache for most of them.
    /// 24 November 2026, no figure.
    /// </summary>
    public const int WinogradBand = 4;

    /// <summary>
    /// Terms that a sum must have at each of Winograd's points: with fewer, transforms cost more than they save. 24 November 2026,
    /// no figure.
    /// </summary>
    public const int WinogradFewestTerms = 25;

    /// <summary>
    /// Places of an output at most where taps that meet padding alone are left out: of 2x2 with 3x3 taps 5 in 9 do. 1 December 2026, no
    /// figure.
    /// </summary>
    public const int PaddingMattersPlaces = 16;

    /// <summary>
    /// Tiles of 4x4 outputs that a worker takes through <see cref="SquareWinograd"/> at a time; even. 16 channels of 4 and their sums are
    /// 300 KB. 1 December 2026, EPYC: 8 take 1.0 to 1.2 times as long with 16 to 256 channels.
    /// </summary>
    public const int SquareWinogradTiles = 4;

    /// <summary>Channels on either side from which on its transforms pay. 1 December 2026, no figure.</summary>
    public const int SquareWinogradFewestChannels = 8;

    /// <summary>
    /// Filters of a unit of work of its weight gradient, in which each part of the batch repeats the transform of the input. 1 December
    /// 2026, EPYC: a step of vgg-16, whose layers have up to 512, takes 0.80 to 0.89 of the time with all of them in one.
    /// </summary>
    public const int SquareWinogradFilters = 128;

    /// <summary>Units at least: parts of the batch x chunks of filters. 1 December 2026, no figure.</summary>
    public const int SquareWinogradFewestUnits = 4;

    /// <summary>Beyond those a part has so many tiles at least, all parts so many floats at most. 1 December 2026, no figure.</summary>
    public const int SquareWinogradPartTiles = 16, SquareWinogradPartFloats = 1 << 22;

    /// <summary>
    /// Density above which a fully connected layer of one image computes whole rows of outputs, below it live weights alone.
    /// 24 November 2026, no figure.
    /// </summary>
    public const double OneImageDenseAbove = 1.0 / 16;

    // Launches on a GPU.

    /// <summary>Threads of a group at most. 24 November 2026, no figure.</summary>
    public const int GroupThreads = 128;

    /// <summary>
    /// An operation that one group computes for four images may have this many threads and floating point operations at most: for more,
    /// groups all over the GPU gain more time than the launch costs. Of the three networks' layers the last one is that small, forward and
    /// backward. 24 November 2026, no figure.
    /// </summary>
    public const int ByFourThreads = 512, ByFourFlops = 1 << 16;

    /// <summary>
    /// From so many floating point operations on a launch fills the GPU alone, and what shares a kernel shares its registers: of the three
    /// networks this holds for lenet-5-caffe's second convolution at batches up to 128. H100, 24 November 2026 (Results/gpu/tuning.txt,
    /// "param": fewer joined launches take its epoch from 0.130 to 0.111 s).
    /// </summary>
    public const double BesideFlops = 1 << 27;

    /// <summary>
    /// Threads of an operation that give a GPU enough to do. With more threads a tile, fewer tiles share what a group loads. Counted,
    /// 26 November 2026: with 2^16 lenet-300-100's first layer asks 38 MB of the second cache, with 2^15 23. The kernels before these, with
    /// more registers, an H100 ran 2 to 3 % slower with 2^15, lenet-5's 7 % faster (Results/gpu/tuning.txt, "enough").
    /// </summary>
    public const int EnoughThreads = 1 << 15;

    /// <summary>
    /// Terms that a thread of a fully connected layer has at least, and threads of a tile at most. H100, 24 November 2026
    /// (Results/gpu/tuning.txt, "most": with 8 threads lenet-300-100's epoch takes 0.038 s, with 16 0.033, with 32 and 64 0.032).
    /// </summary>
    public const int FullyConnectedLeastTerms = 8, FullyConnectedMostThreads = 32;

    /// <summary>
    /// The same of a convolution. H100, 24 November 2026 (Results/gpu/tuning.txt, "most": with 16 threads lenet-5's epoch takes 0.055 s,
    /// with 32 0.059).
    /// </summary>
    public const int ConvolutionLeastTerms = 4, ConvolutionMostThreads = 16;

    /// <summary>
    /// Threads that share a tile of a fully connected layer's weight gradients, a multiple of 4. H100, 24 November 2026: 4 is 4 % faster
    /// than 8 on lenet-5-caffe and 1 % slower on the others (Results/gpu/tuning.txt, "wt").
    /// </summary>
    public const int FullyConnectedWeightThreads = 4;

    /// <summary>Threads that share a bias where there is one position. 24 November 2026, no figure.</summary>
    public const int BiasThreads = 8;

    /// <summary>
    /// Threads of an image in a softmax: each finds maximum and sum, and writes the gradients of every 16th class. 24 November 2026,
    /// no figure.
    /// </summary>
    public const int SoftmaxThreads = 16;

    /// <summary>
    /// Threads that give a large GPU enough to do where gradients are summed in parts: 4 groups of 128 for each of 128 processors. An H100
    /// has 132. 24 November 2026, no figure.
    /// </summary>
    public const int PartsEnoughThreads = 1 << 16;

    /// <summary>
    /// Threads that share a tile in one part; a tile that needs more in all parts than its part can have gets more. 24 November 2026,
    /// no figure.
    /// </summary>
    public const int PartFewestThreads = 16, PartMostThreads = 128;

    /// <summary>Parts of a sum at most: they are added by one thread. 24 November 2026, no figure.</summary>
    public const int MostParts = 32;

    /// <summary>
    /// Neighbouring outputs that a thread slides along in a convolution's weight gradient, half of it more or less. 24 November 2026,
    /// no figure.
    /// </summary>
    public const int WeightRun = 8;

    /// <summary>Threads that add the parts of one sum at most. 24 November 2026, no figure.</summary>
    public const int SumHelpers = 16;
}
