namespace Secateurs.Program.Studies;

/// <summary>What a study asks for of one network and seed; on a cluster the task of an array job.</summary>
/// <param name="Number">Among networks x seeds, from 1.</param>
/// <param name="Network">A name, or its layers.</param>
/// <param name="Seed">Of split, first weights and order.</param>
/// <param name="Units">Their names, the dense network first, with epochs of retraining.</param>
internal sealed record StudyTask(int Number, string Network, ulong Seed, IReadOnlyList<(string Name, int Length)> Units)
{
    /// <summary>The names of units that are not finished.</summary>
    public string[] Missing(StudyFolder folder) => [.. Units.Select(u => u.Name).Where(u => !folder.Has(Network, Seed, u))];
}
