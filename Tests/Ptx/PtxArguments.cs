using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU;
using Secateurs.Kernels;

namespace Tests.Ptx;

/// <summary>
/// A kernel's argument as its bytes on the device: fields in their order, each at a multiple of its alignment; a view is its address and
/// its length.
/// </summary>
internal sealed class PtxArguments
{
    private const int ViewBytes = 16, ViewAlignment = 8;

    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();
    private static readonly ConcurrentDictionary<Type, MethodInfo> Ranges = new();

    private readonly List<(long Start, long Length)> _views = [];

    private PtxArguments(int bytes) => Bytes = new byte[bytes];

    public byte[] Bytes { get; }

    /// <summary>First byte and length of each view.</summary>
    public IEnumerable<(long Start, long Length)> Views => _views;

    /// <exception cref="InvalidOperationException">The kernel expects another number of bytes.</exception>
    public static PtxArguments Of<T>(T value, int bytes) where T : struct
    {
        var result = new PtxArguments(bytes);
        int end = result.Add(value, typeof(T), 0);
        return end == bytes
            ? result
            : throw new InvalidOperationException($"{typeof(T)} takes {end} bytes here, the kernel expects {bytes}");
    }

    /// <summary>Writes a value where it belongs from <paramref name="at"/> on and gives its end.</summary>
    private int Add(object value, Type type, int at)
    {
        at = Align(at, Alignment(type));
        if (IsView(type))
        {
            var (start, length, size) = ((long, long, int))Ranges.GetOrAdd(type, RangeOf).Invoke(null, [value])!;
            _views.Add((start, length * size));
            BitConverter.TryWriteBytes(Bytes.AsSpan(at), start);
            BitConverter.TryWriteBytes(Bytes.AsSpan(at + sizeof(long)), length);
            return at + ViewBytes;
        }
        if (type == typeof(int) || type.IsEnum)
        {
            BitConverter.TryWriteBytes(Bytes.AsSpan(at), (int)value);
            return at + sizeof(int);
        }
        if (type == typeof(float))
        {
            BitConverter.TryWriteBytes(Bytes.AsSpan(at), (float)value);
            return at + sizeof(float);
        }
        foreach (var field in FieldsOf(type))
            at = Add(field.GetValue(value)!, field.FieldType, at);
        return Align(at, Alignment(type));
    }

    private static int Align(int at, int alignment) => (at + alignment - 1) / alignment * alignment;

    private static int Alignment(Type type) =>
        IsView(type) ? ViewAlignment : type == typeof(int) || type == typeof(float) || type.IsEnum ? sizeof(int)
            : type.IsPrimitive ? throw new NotSupportedException($"an argument of type {type}")
            : FieldsOf(type).Max(f => Alignment(f.FieldType));

    private static FieldInfo[] FieldsOf(Type type) =>
        Fields.GetOrAdd(type, t => t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic));

    private static bool IsView(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>);

    private static MethodInfo RangeOf(Type view) =>
        typeof(PtxArguments).GetMethod(nameof(Range), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(view.GetGenericArguments());

    private static unsafe (long Start, long Length, int Size) Range<T>(ArrayView<T> view) where T : unmanaged =>
        (view.IsValid && view.Length > 0 ? (long)view.Pointer() : 0, view.IsValid ? view.Length : 0, Unsafe.SizeOf<T>());
}
