using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>Where values lie in the one array that the C code has: those that are needed at the same time beside each other.</summary>
internal static class Scratch
{
    /// <summary>Addresses by value, and the length of the array.</summary>
    public static (int[] Addresses, int Length) Of<T>(Plan<T> plan) where T : unmanaged, INumber<T>
    {
        var addresses = new int[plan.Count];
        var placed = new List<(int From, int To, int First, int Last)>();
        var values = plan.Steps.Select((step, i) => (step, i)).Where(s => !s.step.IsLast);
        // The largest first: what is small finds room beside it.
        foreach (var (step, first) in values.OrderByDescending(s => s.step.Place.Length))
        {
            int last = Enumerable.Range(first, plan.Steps.Count - first)
                .Last(i => i == first || plan.Steps[i].Inputs.Contains(step.Output));
            int at = 0;
            foreach (var other in placed.Where(p => p.First <= last && first <= p.Last).OrderBy(p => p.From))
            {
                if (at + step.Place.Length <= other.From)
                    break;
                at = Math.Max(at, other.To);
            }
            addresses[step.Output] = at;
            placed.Add((at, at + step.Place.Length, first, last));
        }
        return (addresses, placed.Select(p => p.To).DefaultIfEmpty(0).Max());
    }
}
