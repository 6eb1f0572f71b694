using Secateurs.Model;
using Secateurs.Program.Commands;

namespace Tests.PruningTests;

/// <summary>The library speaks of parameters, the program of options.</summary>
public sealed class OptionWordsTests
{
    [Theory]
    [InlineData(null, "file: expected this, found that", "file: expected this, found that")]
    [InlineData("unknown", "file: expected this, found that", "file: expected this, found that")]
    [InlineData(
        "replace", "net: expected a new path, found one that exists",
        "net: expected a new path, found one that exists (--force writes over it)")]
    [InlineData(
        "folder", "data: expected one set, found sets in a, b; name one",
        "data: expected one set, found sets in a, b; name one with --data")]
    [InlineData("network", "net: expected 3 weights for fc10, found 2", "net: expected 3 weights for fc10 (--network), found 2")]
    [InlineData("order", "order: expected each of a,b once, found a", "--layers: expected each of a,b once, found a")]
    [InlineData(
        "order", "order: expected the order of the layers, found none; as they lie in the file: a,b",
        "--layers: expected the order of the layers, found none; as they lie in the file: --layers a,b")]
    [InlineData("TargetRatio", "TargetRatio: expected more than 1, found 0.5", "--target-ratio: expected more than 1, found 0.5")]
    public void A_parameter_becomes_its_option(string? parameter, string message, string expected) =>
        Assert.Equal(expected, OptionWords.Of(new UserException(ErrorKind.Usage, message) { Parameter = parameter }));

    /// <summary>Which would be taken for a defect of the program.</summary>
    [Fact]
    public void Each_kind_of_error_has_its_exit_code() => Assert.Equal(
        [1, 2, 3, 4, 5], Enum.GetValues<ErrorKind>().Select(k => (int)Secateurs.Program.ExitCodes.Of(k)));
}
