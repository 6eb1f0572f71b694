#!/usr/bin/env bash
# Runs C code of `export --format c` on a Cortex-M4 (QEMU's board mps2-an386) and says what it takes there:
#
#   ./run.sh export --model runs/mine --format c --out net.c
#   Tests/embedded.sh net.c data/mnist/t10k-images-idx3-ubyte [IMAGES]
#
# Prints bytes of flash (code, tables), of memory (the scratch array, the deepest stack) and instructions per image, and fails unless the
# first IMAGES (100) images of the IDX file get the same scores, to the bit, as on this machine. Code in floats may differ by rounding.
#
# It needs gcc, and of Debian: gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm. CPU=cortex-m3 builds for a Cortex-M3.
set -euo pipefail

die() { echo "embedded.sh: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"; }

(($# == 2 || $# == 3)) || { echo "embedded.sh: usage: Tests/embedded.sh NET.c IMAGES.idx [IMAGES]" >&2; exit 2; }
code=$1 images=$2 count=${3:-100} header=${1%.c}.h cpu=${CPU:-cortex-m4}
[[ -f $code && -f $header ]] || die "expected $code and $header"
[[ -f $images ]] || die "expected an IDX file of images (unpacked), found no $images"
need gcc gcc
need arm-none-eabi-gcc 'gcc-arm-none-eabi libnewlib-arm-none-eabi'
need qemu-system-arm qemu-system-arm

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(sed -nE 's/^int ([a-zA-Z0-9_]+)_classify.*/\1/p' "$header") upper=$(sed -nE 's/^#ifndef ([A-Z0-9_]+)_H$/\1/p' "$header")
[[ -n $name && -n $upper ]] || die "expected a header of this program, found $header"
size=$(sed -nE 's/^#define [A-Z0-9_]+_IMAGE ([0-9]+).*/\1/p' "$header")
rank=$(od -An -tu1 -j3 -N1 "$images" | tr -d ' ')
head -c $((size * count)) >"$work/images.bin" < <(tail -c +$((5 + 4 * rank)) "$images")
[[ $(stat -c %s "$work/images.bin") == $((size * count)) ]] || die "expected $count images of $size bytes in $images, found fewer"
cp "$code" "$work/net.c"
cp "$header" "$work/$(basename "$header")"
cd "$work"

# What both machines run: a line of scores for each image.
cat >main.c <<END
#include "$(basename "$header")"
#include <stdint.h>
extern const uint8_t images[];
void put(const char *text);
void put_number(uint32_t number);
void run(void)
{
    for (unsigned n = 0; n < $count; n++) {
        union { int32_t whole; uint32_t bits; } scores[${upper}_CLASSES];
        ${name}_scores(images + n * ${upper}_IMAGE, (void *)scores);
        put_number((uint32_t)${name}_classify(images + n * ${upper}_IMAGE));
        for (unsigned k = 0; k < ${upper}_CLASSES; k++) {
            put(" ");
            put_number(scores[k].bits);
        }
        put("\n");
    }
}
END
cat >images.S <<END
    .section .rodata
    .global images
    .balign 4
images:
    .incbin "images.bin"
    .section .note.GNU-stack,"",%progbits
END
cat >number.c <<'END'
#include <stdint.h>
void put(const char *text);
void put_number(uint32_t number);
void put_number(uint32_t number)
{
    char digits[11];
    char *at = digits + 10;
    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(at);
}
END
cat >host.c <<'END'
#include <stdio.h>
void put(const char *text);
void run(void);
void put(const char *text) { fputs(text, stdout); }
int main(void) { run(); return 0; }
END
# The board: 4 MB of flash at 0 and of memory at 0x20000000; SysTick counts its 25 MHz, and -icount makes an instruction a nanosecond.
cat >board.c <<END
#include "$(basename "$header")"
extern const uint8_t images[];
extern uint32_t data_start[], data_end[], data_from[], bss_start[], bss_end[], stack_top[];
void put(const char *text);
void put_number(uint32_t number);
void run(void);
void start(void);
__attribute__((section(".vectors"), used)) void *const vectors[2] = { stack_top, (void *)start };

static void call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void put(const char *text) { call(4, text); }

#define SYSTICK ((volatile uint32_t *)0xe000e010)
static volatile int class;

/* The stack below is painted first. */
static __attribute__((noinline)) uint32_t stack_of_a_call(void)
{
    uint32_t here, *const top = &here, *at = top - 1024;
    for (uint32_t *p = at; p < top - 32; p++)
        *(volatile uint32_t *)p = 0xdeadbeef;
    class = ${name}_classify(images);
    while (*(volatile uint32_t *)at == 0xdeadbeef)
        at++;
    return (uint32_t)(top - at) * 4;
}

void start(void)
{
    uint32_t ticks = 0, before;
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;
    for (uint32_t *to = data_start, *from = data_from; to < data_end; to++, from++)
        *to = *from;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    run();
    SYSTICK[1] = 0xffffff;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;
    for (unsigned n = 0; n < $count; n++) {
        before = SYSTICK[2];
        class = ${name}_classify(images + n * ${upper}_IMAGE);
        ticks += (before - SYSTICK[2]) & 0xffffff;
    }
    put("ticks ");
    put_number(ticks);
    put(" stack ");
    put_number(stack_of_a_call());
    put("\n");
    call(0x18, (void *)0x20026);
    for (;;) { }
}
END
cat >board.ld <<'END'
MEMORY { flash (rx) : ORIGIN = 0, LENGTH = 4M
         memory (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) . = ALIGN(4); } > flash
    .data : { data_start = .; *(.data*) . = ALIGN(4); data_end = .; } > memory AT > flash
    data_from = LOADADDR(.data);
    .bss : { bss_start = .; *(.bss*) *(COMMON) . = ALIGN(4); bss_end = .; } > memory
    stack_top = ORIGIN(memory) + LENGTH(memory);
}
END

gcc -std=c99 -O2 -Wno-multichar net.c main.c number.c host.c images.S -o host
./host >expected.txt
arm=(arm-none-eabi-gcc "-mcpu=$cpu" -mthumb -std=gnu99)
! grep -q '^typedef float value' net.c || [[ $cpu == cortex-m3 ]] || arm+=(-mfloat-abi=hard -mfpu=fpv4-sp-d16)
"${arm[@]}" -Os -c net.c -o net.o
"${arm[@]}" -O1 -nostartfiles -T board.ld net.o main.c number.c board.c images.S -o board.elf 2>link.log || { cat link.log >&2; exit 1; }
qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -semihosting-config enable=on,target=native -icount shift=0 \
    -kernel board.elf </dev/null >found.txt 2>&1 || { tail -5 found.txt >&2; die "the emulator failed"; }

if ! diff -q expected.txt <(grep -v '^ticks' found.txt) >/dev/null; then
    ! grep -q '^typedef float value' net.c || diff -q <(cut -d' ' -f1 expected.txt) <(grep -v '^ticks' found.txt | cut -d' ' -f1) ||
        die "classes on the board differ from those on this machine"
    grep -q '^typedef float value' net.c || die "scores on the board differ from those on this machine"
fi
sections() { arm-none-eabi-size -A net.o | awk -v wanted="^[.]$1" '$1 ~ wanted { sum += $2 } END { print sum + 0 }'; }
read -r _ ticks _ stack < <(grep '^ticks' found.txt)
echo "flash $(($(sections text) + $(sections rodata) + $(sections data))) bytes: code $(sections text), tables $(sections rodata)"
echo "memory $(($(sections bss) + $(sections data) + stack)) bytes: scratch $(sections bss), stack $stack"
echo "instructions per image $((ticks * 40 / count)), mean of $count; $cpu, $(arm-none-eabi-gcc -dumpversion), -Os"
echo "the scores of $count images are those of this machine"
