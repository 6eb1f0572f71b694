using System.Text;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>
/// A graph of layers as a line of text. A sum becomes brackets around its branches, which begin where all of them part: at the last layer
/// that every way from the images to the sum goes through (its dominator). What a line cannot say is a layer that two sums share.
/// </summary>
internal sealed class BranchedLine
{
    private readonly IReadOnlyList<Piece> _pieces;
    private readonly Dictionary<Piece, int> _numbers = [];
    private readonly int[] _dominators;
    private readonly StringBuilder _text = new();
    private readonly List<Piece> _order = [];
    private readonly HashSet<Piece> _written = [];
    private readonly string _path;
    private bool _joined = true;

    private BranchedLine(string path, IReadOnlyList<Piece> pieces)
    {
        (_path, _pieces, _dominators) = (path, pieces, new int[pieces.Count]);
        for (int i = 0; i < pieces.Count; i++)
        {
            _numbers.Add(pieces[i], i);
            // The nearest piece that dominates all inputs: numbers grow from the images on.
            int common = pieces[i].Inputs.Length == 0 ? 0 : _numbers[pieces[i].Inputs[0]];
            foreach (var input in pieces[i].Inputs.Skip(1))
                for (int other = _numbers[input]; other != common;)
                    (common, other) = common > other ? (_dominators[common], other) : (common, _dominators[other]);
            _dominators[i] = common;
        }
    }

    /// <summary>The line, and the pieces in the order of its layers.</summary>
    /// <param name="path">Of the file, for messages.</param>
    /// <param name="pieces">The images and then layers, each after those that it reads; the last gives the answer.</param>
    /// <exception cref="UserException">BadFile: branches that no line can say.</exception>
    public static (string Text, IReadOnlyList<Piece> Order) Of(string path, IReadOnlyList<Piece> pieces)
    {
        var line = new BranchedLine(path, pieces);
        line.Write(0, pieces.Count - 1);
        return (line._text.ToString(), line._order);
    }

    /// <summary>All that lies behind one piece and leads to another.</summary>
    private void Write(int from, int to)
    {
        var way = new Stack<int>();
        for (; to != from; to = _dominators[to])
            way.Push(to);
        foreach (int number in way)
        {
            var piece = _pieces[number];
            if (!_written.Add(piece))
            {
                throw OnnxTranslator.Of(
                    _path, piece.Node, "branches that part at one value and meet in one sum", "a layer that another sum reads too");
            }
            if (piece.Layer is SumLayer)
                WriteBranches(_dominators[number], [.. piece.Inputs.Select(i => _numbers[i])]);
            _order.Add(piece);
            Say(piece.Layer!.Token);
            // A convolution without a bias and its batch normalisation are one token.
            _joined = piece.Layer is ConvolutionLayer { HasBias: false };
        }
    }

    /// <summary>An empty branch comes last.</summary>
    private void WriteBranches(int fork, int[] ends)
    {
        Say("[");
        _joined = true;
        foreach (var (i, end) in ends.OrderBy(e => e == fork).Index())
        {
            if (i > 0)
                Say("|");
            Write(fork, end);
        }
        _joined = !ends.Contains(fork);
    }

    private void Say(string word)
    {
        if (!_joined)
            _text.Append(' ');
        _text.Append(word);
        _joined = false;
    }
}
