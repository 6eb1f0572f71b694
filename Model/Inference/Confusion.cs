namespace Secateurs.Model;

/// <summary>What a network answers to images of known classes: how often which class is taken for which.</summary>
public sealed class Confusion
{
    private readonly int[,] _counts;
    private readonly int[] _answers;
    private readonly int[] _labels;

    /// <param name="images">With their classes.</param>
    /// <param name="answers">One an image, see <see cref="Trainer.Answers"/>.</param>
    public Confusion(DataSet images, int[] answers)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(answers);
        if (answers.Length != images.Count)
            throw new ArgumentException($"expected {images.Count} answers, found {answers.Length}", nameof(answers));
        (_labels, _answers) = (images.Labels, answers);
        _counts = new int[images.Shape.Classes, images.Shape.Classes];
        for (int i = 0; i < answers.Length; i++)
            _counts[_labels[i], answers[i]]++;
    }

    /// <summary>How many there are.</summary>
    public int Classes => _counts.GetLength(0);

    /// <summary>Images of a class that were taken for another, or for itself.</summary>
    public int Count(int label, int answer) => _counts[label, answer];

    /// <summary>Images of a class.</summary>
    public int Images(int label) => Enumerable.Range(0, Classes).Sum(a => _counts[label, a]);

    /// <summary>Percent of a class that is right; NaN where there is no image of it.</summary>
    public double Accuracy(int label) => Images(label) is > 0 and var images ? 100.0 * _counts[label, label] / images : double.NaN;

    /// <summary>Right answers.</summary>
    public int Correct => Enumerable.Range(0, Classes).Sum(c => _counts[c, c]);

    /// <summary>The wrong class that a class is taken for most often, and how often; null where all of it is right.</summary>
    public (int Answer, int Count)? MostOften(int label)
    {
        int answer = Enumerable.Range(0, Classes).Where(a => a != label).MaxBy(a => _counts[label, a]);
        return answer != label && _counts[label, answer] > 0 ? (answer, _counts[label, answer]) : null;
    }

    /// <summary>The images that are answered wrong, in their order.</summary>
    public IEnumerable<(int Image, int Label, int Answer)> Wrong => Enumerable.Range(0, _answers.Length)
        .Where(i => _answers[i] != _labels[i]).Select(i => (i, _labels[i], _answers[i]));
}
