using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Copies the images of a batch out of a data set of bytes: x(n, c, h, w) = scale(c) · byte + shift(c); where the order says -1 all bytes
/// are 0. The data set stays bytes on the device; without a shift zero pixels stay exactly zero.
/// </summary>
/// <remarks>
/// An entry of the order says in which view an image is shown: moved by some pixels, perhaps mirrored, with zeros where nothing is left of
/// it. Views that wrap are moved along the raster instead, by a pixel: what leaves at one edge comes in at the other, from the next row,
/// channel or image, so that there is nothing to test for; of images with blank edges it is the same.
/// </remarks>
internal static class Gather
{
    /// <summary>Bits of an entry of the order that hold the image; those above hold the view.</summary>
    private const int ImageBits = 23;

    /// <summary>Images of all parts of a set at most, and views.</summary>
    public const int MostImages = 1 << ImageBits, MostViews = 1 << (31 - ImageBits);

    /// <summary>An entry of the order.</summary>
    public static int Entry(int image, int view) => image | view << ImageBits;

    /// <summary>The image of an entry that is not blank.</summary>
    public static int Image(int entry) => entry & (1 << ImageBits) - 1;

    /// <summary>The view of an entry that is not blank.</summary>
    public static int View(int entry) => entry >> ImageBits;

    /// <summary>
    /// Room for a data set as <see cref="Of"/> takes it where views wrap, with a blank row before the first image and behind the last; and
    /// the part of it that images go to.
    /// </summary>
    public static (ArrayView<byte> Room, ArrayView<byte> Images) Allocate(DeviceMemory memory, TensorShape shape, int count)
    {
        var room = memory.Allocate<byte>((long)count * shape.Features + 2 * shape.Width);
        return (room, room.SubView(shape.Width, (long)count * shape.Features));
    }

    /// <param name="device">Where it runs.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="set">Where images are taken from.</param>
    /// <param name="course">Which.</param>
    /// <param name="batch">Where they go.</param>
    public static Operation Of(ComputeDevice device, string name, ImageSet set, Course course, ImageBatch batch)
    {
        var s = batch.X.Shape;
        int slots = batch.X.Blocks * Layout.Lanes;
        Require.Length(name, "normalization", set.Normalization.Length, 2L * s.Channels);
        Require.Length(name, "labels of the batch", batch.Labels.Length, slots);
        int margin = set.Images.Length == set.Labels.Length * s.Features ? 0 : s.Width;
        Require.Length(name, "images", set.Images.Length, set.Labels.Length * s.Features + 2 * margin);
        bool rows = batch.Transposed.Length > 1;
        if (rows)
            Require.Length(name, "transposed", batch.Transposed.Length, (long)slots * Transpose.Pitch(s.Features));
        return Operation.OfThreads(
            device, name, 0, new Arguments(set, course, batch, rows ? 1 : 0, margin), MapQuad.Threads(batch.X));
    }

    public readonly struct Arguments(ImageSet set, Course course, ImageBatch batch, int rows, int margin) : IBody, IThreadBody
    {
        public readonly ImageSet Set = set;
        public readonly Course Course = course;
        public readonly ImageBatch Batch = batch;
        public readonly int Rows = rows, Margin = margin;

        private Tensor X => Batch.X;

        /// <summary>Pixels are asked for ahead a cache line at a time: the images of a batch lie anywhere in memory.</summary>
        private const int StripsPerLine = 4;

        /// <summary>Pixels of a channel that an image which is cropped or mirrored is laid out for at a time: whole strips.</summary>
        private const int Band = 1024;

        /// <summary>
        /// A unit of work is 16 neighbouring pixels of a channel of 16 images: a square of bytes that is turned in registers.
        /// </summary>
        [SkipLocalsInit]
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var s = X.Shape;
            int pixels = s.Height * s.Width, pitch = Transpose.Pitch(s.Features);
            int stripsPerChannel = (pixels + Layout.Lanes - 1) / Layout.Lanes, strips = s.Channels * stripsPerChannel;
            byte* square = stackalloc byte[2 * ByteSquare.Length], band = stackalloc byte[Layout.Lanes * Band];
            byte** sources = stackalloc byte*[Layout.Lanes], ahead = stackalloc byte*[Layout.Lanes];
            float* x = X.Pointer, rows = Rows != 0 ? Batch.Transposed.Pointer() : null, normalization = Set.Normalization.Pointer();
            // From the last pixel of a row to the first of the next lies the border, twice.
            int width = s.Width, gap = 2 * s.Padding * Layout.Lanes;
            var (first, last) = Operation.Share(X.Blocks * strips, worker, workers);
            var (block, channel, from) = Place(first, stripsPerChannel);
            var (laterBlock, laterChannel, laterFrom) = Place(first + Tuning.StripsAhead, stripsPerChannel);
            for (int item = first, current = -1, next = -1, hidden = 0, laid = -1; item < last; item++)
            {
                int start = channel * pixels + from, count = Math.Min(Layout.Lanes, pixels - from);
                float scale = normalization[2 * channel], shift = normalization[2 * channel + 1];
                if (block != current)
                    (current, hidden, laid) = (block, Find(block, band, sources), -1);
                if (hidden != 0 && start - from % Band != laid)
                {
                    laid = start - from % Band;
                    LayOut(block, hidden, channel, from, Math.Min(Band - from % Band, pixels - from), band);
                    for (int lane = 0; lane < Layout.Lanes; lane++)
                        if ((hidden >> lane & 1) != 0)
                            sources[lane] = band + lane * Band - laid;
                }
                if (Sse.IsSupported && laterFrom / Layout.Lanes % StripsPerLine == 0 && item + Tuning.StripsAhead < last)
                {
                    if (laterBlock != next)
                        Find(next = laterBlock, band, ahead);
                    for (int lane = 0; lane < Layout.Lanes; lane++)
                        Sse.Prefetch0(ahead[lane] + laterChannel * pixels + laterFrom);
                }
                for (int lane = 0; lane < Layout.Lanes; lane++)
                {
                    byte* row = square + lane * Layout.Lanes, source = sources[lane] + start;
                    if (count == Layout.Lanes)
                        Vector128.Load(source).Store(row);
                    else
                        for (int i = 0; i < Layout.Lanes; i++)
                            row[i] = i < count ? source[i] : (byte)0;
                    if (rows is not null)
                        SetRow(row, count, scale, shift, rows + (nint)(block * Layout.Lanes + lane) * pitch + start);
                }
                if (start == 0)
                    SetLabels(block);
                byte* turned = ByteSquare.Turn(square, square + ByteSquare.Length);
                int h = from / width, w = from - h * width;
                var target = x + (nint)block * s.BlockStride + s.Offset(channel, h, w);
                for (int i = 0; i < count; i++)
                {
                    ByteSquare.Normalize(turned + i * Layout.Lanes, scale, shift, target);
                    target += Layout.Lanes;
                    if (++w == width)
                    {
                        w = 0;
                        target += gap;
                    }
                }
                (block, channel, from) = Next(block, channel, from, pixels);
                (laterBlock, laterChannel, laterFrom) = Next(laterBlock, laterChannel, laterFrom, pixels);
            }
        }

        /// <summary>Block, channel and first pixel of a unit of work.</summary>
        private (int Block, int Channel, int From) Place(int item, int stripsPerChannel)
        {
            int map = item / stripsPerChannel;
            return (map / X.Shape.Channels, map % X.Shape.Channels, item % stripsPerChannel * Layout.Lanes);
        }

        /// <summary>Of the next one: divisions would take as long as the pixels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private (int Block, int Channel, int From) Next(int block, int channel, int from, int pixels)
        {
            if ((from += Layout.Lanes) >= pixels)
            {
                from = 0;
                if (++channel == X.Shape.Channels)
                    (block, channel) = (block + 1, 0);
            }
            return (block, channel, from);
        }

        /// <summary>Pixels of one image. What lies behind the last is another worker's, or fill, which stays zero.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static unsafe void SetRow(byte* pixels, int count, float scale, float shift, float* target)
        {
            if (count == Layout.Lanes)
                ByteSquare.Normalize(pixels, scale, shift, target);
            else
                for (int i = 0; i < count; i++)
                    target[i] = pixels[i] * scale + shift;
        }

        /// <summary>
        /// Where the images of a block begin, as they are shown. Those that are blank, cropped or mirrored have to be laid out: they have a
        /// bit each in what is returned, and <paramref name="band"/> for the time being.
        /// </summary>
        private unsafe int Find(int block, byte* band, byte** sources)
        {
            byte* images = Set.Images.Pointer() + Margin;
            int* order = BlockOrder(block), views = Set.Views.Pointer();
            int hidden = 0;
            for (int lane = 0; lane < Layout.Lanes; lane++)
            {
                var view = order[lane] < 0 ? default : ImageView.Of(views[View(order[lane])]);
                bool stands = order[lane] >= 0 && (view.Wraps || view == default);
                hidden |= stands ? 0 : 1 << lane;
                sources[lane] = !stands ? band
                    : images + (nint)Image(order[lane]) * X.Shape.Features - (view.Down * X.Shape.Width + view.Right);
            }
            return hidden;
        }

        /// <summary>Pixels of a channel of the hidden images of a block.</summary>
        private unsafe void LayOut(int block, int hidden, int channel, int from, int count, byte* band)
        {
            var s = X.Shape;
            int* order = BlockOrder(block), views = Set.Views.Pointer();
            byte* images = Set.Images.Pointer() + Margin;
            for (int lane = 0; lane < Layout.Lanes; lane++)
            {
                byte* target = band + lane * Band + from % Band;
                if ((hidden >> lane & 1) == 0)
                    continue;
                if (order[lane] < 0)
                    new Span<byte>(target, count).Clear();
                else
                    LayOut(
                        ImageView.Of(views[View(order[lane])]),
                        images + (nint)Image(order[lane]) * s.Features + channel * s.Height * s.Width, from, count, target);
            }
        }

        private unsafe void LayOut(ImageView view, byte* plane, int from, int count, byte* target)
        {
            int height = X.Shape.Height, width = X.Shape.Width;
            for (int done = 0; done < count;)
            {
                int h = (from + done) / width, w = (from + done) % width, run = Math.Min(count - done, width - w), row = h - view.Down;
                for (int i = 0; i < run; i++)
                {
                    int column = view.Mirrored ? width - 1 - (w + i - view.Right) : w + i - view.Right;
                    target[done + i] = (uint)row < (uint)height && (uint)column < (uint)width ? plane[row * width + column] : (byte)0;
                }
                done += run;
            }
        }

        private unsafe void SetLabels(int block)
        {
            int* order = BlockOrder(block);
            for (int lane = 0; lane < Layout.Lanes; lane++)
                Batch.Labels[block * Layout.Lanes + lane] = order[lane] < 0 ? -1 : Set.Labels[Image(order[lane])];
        }

        private unsafe int* BlockOrder(int block) =>
            Course.Order.Pointer() + ((nint)Course.Step.Pointer()[0] * X.Blocks + block) * Layout.Lanes;

        public void RunThread(int index) => Thread(this, index);
    }

    /// <summary>A pixel of four images. Neighbouring threads have the quads of a block, then neighbouring pixels.</summary>
    private static void Thread(Arguments a, int index)
    {
        var x = a.Batch.X;
        var s = x.Shape;
        var (at, quad) = Operation.Divide(index, Quad.PerBlock);
        var (block, pixel) = Operation.Divide(at, s.Features);
        if (block >= x.Blocks)
            return;
        var (channel, inside) = Operation.Divide(pixel, s.Height * s.Width);
        var (h, w) = Operation.Divide(inside, s.Width);
        float scale = a.Set.Normalization[2 * channel], shift = a.Set.Normalization[2 * channel + 1];
        int slot = block * Layout.Lanes + quad * Quad.Images;
        int order = a.Course.Step[0] * x.Blocks * Layout.Lanes + slot;
        var value = new Quad(
            Byte(a, order, channel, h, w) * scale + shift, Byte(a, order + 1, channel, h, w) * scale + shift,
            Byte(a, order + 2, channel, h, w) * scale + shift, Byte(a, order + 3, channel, h, w) * scale + shift);
        Quad.Store(x.Data, (block * s.BlockStride + s.Offset(channel, h, w)) / Quad.Images + quad, value);
        if (a.Rows != 0)
        {
            int pitch = Operation.Parts(s.Features, Transpose.Columns) * Transpose.Columns, row = slot * pitch + pixel;
            a.Batch.Transposed[row] = value.X;
            a.Batch.Transposed[row + pitch] = value.Y;
            a.Batch.Transposed[row + 2 * pitch] = value.Z;
            a.Batch.Transposed[row + 3 * pitch] = value.W;
        }
        if (pixel == 0)
            for (int i = 0; i < Quad.Images; i++)
                a.Batch.Labels[slot + i] = a.Course.Order[order + i] < 0 ? -1 : a.Set.Labels[Image(a.Course.Order[order + i])];
    }

    /// <summary>
    /// What an entry shows at a pixel. A blank reads the first image: so the bytes of a quad are asked for at once, without branches.
    /// </summary>
    private static float Byte(Arguments a, int order, int channel, int h, int w)
    {
        int entry = a.Course.Order[order], shown = IntrinsicMath.Max(entry, 0), view = a.Set.Views[View(shown)];
        int height = a.Batch.X.Shape.Height, width = a.Batch.X.Shape.Width;
        int mirrored = ImageView.Mirrors(view), row = h - ImageView.DownOf(view), column = w - ImageView.RightOf(view);
        column = mirrored * (width - 1) + (1 - 2 * mirrored) * column;
        // Negative where nothing of the image is; a view that wraps has something everywhere.
        int inside = IntrinsicMath.Min(
            IntrinsicMath.Min(row, height - 1 - row), IntrinsicMath.Min(column, width - 1 - column));
        inside = IntrinsicMath.Max(inside, ImageView.Wrapping(view) - 1);
        int at = inside < 0 ? 0 : (channel * height + row) * width + column;
        float value = a.Set.Images[a.Margin + Image(shown) * a.Batch.X.Shape.Features + at];
        return IntrinsicMath.Min(inside, entry) < 0 ? 0f : value;
    }

    /// <summary>The formula over one batch's part of the order: plain (N, C, H, W) and labels.</summary>
    public static (float[] X, int[] Labels) Reference(
        byte[] images, int[] labels, ReadOnlySpan<int> order, float[] normalization, IReadOnlyList<ImageView> views, TensorShape shape)
    {
        int pixels = shape.Features, width = shape.Width;
        var x = new float[order.Length * pixels];
        var batchLabels = new int[order.Length];
        for (int n = 0; n < order.Length; n++)
        {
            int image = order[n] & 0x7F_FFFF;
            var view = order[n] < 0 ? default : views[order[n] >> 23];
            batchLabels[n] = order[n] < 0 ? -1 : labels[image];
            for (int i = 0; i < pixels; i++)
            {
                int channel = i / (shape.Height * width), h = i / width % shape.Height - view.Down, w = i % width - view.Right;
                bool outside = h < 0 || h >= shape.Height || w < 0 || w >= width;
                int from = view.Wraps ? i - view.Down * width - view.Right
                    : (channel * shape.Height + h) * width + (view.Mirrored ? width - 1 - w : w);
                float value = order[n] < 0 || !view.Wraps && outside ? 0 : images[width + image * pixels + from];
                x[n * pixels + i] = normalization[2 * channel] * value + normalization[2 * channel + 1];
            }
        }
        return (x, batchLabels);
    }
}
