#!/bin/sh
test_title='content codings of other implementations are taken off, whole and in any pieces; what is not whole is bad'
. "$(dirname "$0")/lib/tap.sh"

decode=$BB_BUILD/t/lib/decode

# --- what is coded, by whom ---

: >empty
printf 'x' >one
/usr/bin/seq 1 400 >text
head -c 3000 /dev/urandom >random
{ /usr/bin/seq 1 60000; head -c 200000 /dev/urandom; head -c 3000000 /dev/zero; } >long

# Node is here for brotli, and for a second opinion on the others.
cat >code.js <<'END'
const z = require("zlib"), fs = require("fs"), [how, from, to] = process.argv.slice(2), d = fs.readFileSync(from);
const q = n => ({ params: { [z.constants.BROTLI_PARAM_QUALITY]: n,
	[z.constants.BROTLI_PARAM_LGWIN]: n === 11 ? 24 : 10 } });
fs.writeFileSync(to, { br: () => z.brotliCompressSync(d, q(5)), brbig: () => z.brotliCompressSync(d, q(11)),
	gzip: () => z.gzipSync(d), zlib: () => z.deflateSync(d), raw: () => z.deflateRawSync(d) }[how]());
END
mkdir coded
for f in empty one text random long; do
	gzip -9 -c "$f" >"coded/$f.gzip"
	gzip -1 -n -c "$f" >"coded/$f.fast.x-gzip"
	zstd -q -19 -c "$f" >"coded/$f.zstd"
	zstd -q --fast -c --no-check <"$f" >"coded/$f.fast.zstd"
	node code.js br "$f" "coded/$f.br"
	[ "$f" = long ] || node code.js brbig "$f" "coded/$f.big.br"
	node code.js gzip "$f" "coded/$f.node.gzip"
	node code.js zlib "$f" "coded/$f.deflate"
	/usr/bin/python3 -c 'import sys,zlib; sys.stdout.buffer.write(zlib.compress(open(sys.argv[1],"rb").read(), 1))' "$f" >"coded/$f.python.deflate"
done
cat coded/text.gzip coded/random.node.gzip coded/empty.gzip coded/one.gzip >"coded/members.gzip"
cat text random one >members
cat coded/text.zstd coded/random.fast.zstd coded/one.zstd >coded/members.zstd
{ printf '\123\052\115\030\005\000\000\000hello'; cat coded/text.zstd; } >coded/skipped.zstd
cp text skipped

for path in coded/*; do
	file=${path#coded/}
	check_status 0 "$file, for another to decode as well" sh -c '"$1" look "$2" <"$3" | cmp - "$4"' - "$decode" \
		"${path##*.}" "$path" "${file%%.*}"
done
check 'all of that decodes alike when it is passed on' sh -c '
	for path in coded/*; do file=${path#coded/}; "$1" forward "${path##*.}" <"$path" | cmp - "${file%%.*}" || exit 1; done' - "$decode"

# --- on top of each other ---

gzip -c coded/text.br >both
check 'br inside gzip' sh -c '"$1" look "br, gzip" <both | cmp - text' - "$decode"
gzip -c coded/long.zstd >both
check 'zstd inside gzip, long' sh -c '"$1" look "zstd,identity , GZIP" <both | cmp - long' - "$decode"
: >nothing
check 'no bytes stand for no bytes' sh -c '"$1" look "br, gzip" <nothing | cmp - nothing' - "$decode"
for list in 'gzip, gzip, gzip' compress 'gzip;q=1' 'gzip br' aws-chunked; do
	check_status 1 "codings that are refused: $list" "$decode" look "$list"
done

# --- deflate without its header ---

node code.js raw text raw
check 'raw deflate is read where the result is passed on' sh -c '"$1" forward deflate <raw | cmp - text' - "$decode"
check_status 1 'and refused where another will read it' sh -c '"$1" look deflate <raw' - "$decode"
like "$(cat err)" 'not clearly' 'which is said'
# A zlib header that is also a stored block of 0x789c... bytes: two readings, so neither.
/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes([0x78,0x9c,0x63,0x63,0x9c]) + bytes(40))' >two
check_status 1 'data with two readings is refused' sh -c '"$1" look deflate <two' - "$decode"
like "$(cat err)" 'not clearly' 'as such'

# --- not whole, not right ---

for path in coded/text.gzip coded/text.br coded/text.zstd coded/text.deflate coded/members.gzip coded/members.zstd; do
	kind=${path##*.}
	head -c -1 "$path" >short
	check_status 1 "$path without its last byte" sh -c '"$1" look "$2" <short' - "$decode" "$kind"
	like "$(cat err)" 'ends in the middle' 'ends in the middle'
	{ cat "$path"; printf 'x'; } >longer
	check_status 1 "$path and a byte more" sh -c '"$1" look "$2" <longer' - "$decode" "$kind"
	like "$(cat err)" 'behind the end' 'has bytes behind its end'
	{ cat "$path"; printf 'GET /'; } >longer
	check_status 0 "$path among other bytes" sh -c '"$1" embedded "$2" <longer >/dev/null' - "$decode" "$kind"
	case $path in
	*members.gzip) unlike "$(cat err)" '^5 left' 'ends where its first member does' ;;
	*members.zstd) unlike "$(cat err)" '^5 left' 'ends where its first frame does' ;;
	*) like "$(cat err)" '^5 left$' 'ends where they begin again' ;;
	esac
done
for kind in gzip br zstd deflate; do
	for file in random long; do
		check_status 1 "$kind: $file is none" sh -c '"$1" look "$2" <"$3"' - "$decode" "$kind" "$file"
	done
done
# With a check sum, no change goes unseen.
cat >change.py <<'END'
import subprocess, sys
want = open("text", "rb").read()
for name in ("text.gzip", "text.deflate", "text.zstd"):
    data = open("coded/" + name, "rb").read()
    for i in range(0, len(data), 1 + len(data) // 60):
        changed = data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1:]
        r = subprocess.run([sys.argv[1], "look", name[5:]], input=changed, capture_output=True)
        if r.returncode not in (0, 1):
            sys.exit("%s byte %d: status %d: %r" % (name, i, r.returncode, r.stderr))
        if r.returncode == 0 and r.stdout != want:
            sys.exit("%s byte %d: other bytes came out" % (name, i))
END
check 'a changed byte never makes other bytes good' /usr/bin/python3 change.py "$decode"

# --- formats from before the standard, windows, bombs ---

printf '\045\265\057\375\000\000\000\000' >legacy
check_status 1 'zstd of before its standard is refused' sh -c '"$1" look zstd <legacy' - "$decode"
zstd -q --long=24 -c long >wide 2>/dev/null
check 'a file with a window as large as it is' sh -c '"$1" look zstd <wide | cmp - long' - "$decode"
# A frame in one block with a window of 16 MiB: refused also when it is there as a whole.
printf '\050\265\057\375\000\160\011\000\000x' >wide
check_status 1 'a small frame with a window of 16 MiB is refused' sh -c '"$1" look zstd <wide' - "$decode"
zstd -q --long=24 -c <long >wide
check_status 1 'a window of 16 MiB is refused' sh -c '"$1" look zstd <wide >/dev/null' - "$decode"
like "$(cat err)" 'window' 'as such'
head -c 8388608 /dev/zero >zeros
gzip -c zeros >bomb.gzip
check '8 MiB may come from nothing' sh -c '"$1" look gzip <bomb.gzip | cmp - zeros' - "$decode"
printf 0 >>zeros
gzip -c zeros >bomb.gzip
check_status 1 'a byte more may not' sh -c '"$1" look gzip <bomb.gzip >/dev/null' - "$decode"
like "$(cat err)" 'grows more' 'which is said'
gzip -c bomb.gzip >twice.gzip
check_status 1 'nor when it is coded twice' sh -c '"$1" look "gzip, gzip" <twice.gzip >/dev/null' - "$decode"
done_testing
