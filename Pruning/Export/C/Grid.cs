namespace Secateurs.Pruning.Export.C;

/// <summary>
/// The places of a window: Height x Width of them, the distances from one to the next in what is read (X) and given (Y). A convolution
/// computes four at once: X and Y say where the other three lie from the first.
/// </summary>
/// <param name="Pooled">Whether the largest of the four is given.</param>
internal sealed record Grid(int Height, int Width, int XDown, int XRight, int YDown, int YRight, int[] X, int[] Y, bool Pooled);
