# What Tests/kills.sh and Tests/slurm.sh have in common: the program, a small set, and what two runs are compared by. To be sourced from the
# repository's root.
program=(dotnet "$PWD/Pruning/Program/bin/Release/net10.0/secateurs.dll")

# The folder of MNIST, or an error of the script that is named.
mnist_folder() {
    local folder=$PWD/data/mnist
    [[ -f $folder/train-images-idx3-ubyte ]] || { echo "$1: expected MNIST in $folder: './run.sh data' fetches it" >&2; return 1; }
    echo "$folder"
}

# Writes a set of 1,600 training and 400 test images of MNIST, which lies in the first folder, into the second.
small_set() {
    local set name
    mkdir "$2"
    for set in train:1600 t10k:400; do
        name=${set%:*}
        first_images "$1/$name-images-idx3-ubyte" "${set#*:}" 16 784 2>/dev/null >"$2/$name-images-idx3-ubyte"
        first_images "$1/$name-labels-idx1-ubyte" "${set#*:}" 8 1 2>/dev/null >"$2/$name-labels-idx1-ubyte"
    done
}

# The first images of a file of IDX: header, count in four bytes, the rest of the header, pixels or labels.
first_images() {
    local file=$1 count=$2 header=$3 bytes=$4
    head -c 4 "$file"
    printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' 0 0 $((count / 256)) $((count % 256)))"
    tail -c +9 "$file" | head -c $((header - 8 + count * bytes)) || true
}

# All files of a run, each with its digest; of tables without the columns of times, of the rest networks alone.
content() {
    (cd "$1" && find . -type f ! -name .secateurs-lock | LC_ALL=C sort | while read -r file; do
        case $file in
            *.csv) awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /seconds|elapsed_s|times_sooner/) time[i] = 1 }
                { for (i in time) $i = ""; print }' "$file" | sha256sum | sed "s|-|$file|" ;;
            *.safetensors | *.dcn) sha256sum "$file" ;;
            *) echo "$file" ;;
        esac
    done)
}
