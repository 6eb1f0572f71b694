Console.WriteLine("pruning");
