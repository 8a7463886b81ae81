#include "engine/translate/decoder.hpp"

namespace engine::translate {

namespace {

// How an opcode goes on. The low bits name the immediate.
enum : u8 {
    kImm8 = 1,
    kImmZ = 2,  // 2 bytes with 66, else 4
    kRel32 = 3, // always 4: near branches ignore 66, as on Intel's processors
    kImmV = 4,  // as kImmZ, 8 with REX.W
    kImm16 = 5,
    kImm24 = 6, // enter
    kOffset = 7, // an address of 8 bytes, 4 with 67
    kImmediate = 7,
    kModRm = 8,
    kStack = 0x10,
    kSpecial = 0x20,
    kBad = 0x40,
    kOther = 0x80, // prefixes, escapes, and groups whose members differ: decode() knows
};

constexpr u8 m = kModRm, mi = kModRm | kImm8, mz = kModRm | kImmZ, b = kImm8, z = kImmZ, x = kBad, o = kOther;
constexpr u8 s = kStack, j = kSpecial | kImm8, jz = kSpecial | kRel32, c = kSpecial;

constexpr u8 kOneByte[256] = {
    // 00
    m, m, m, m, b, z, x, x, m, m, m, m, b, z, x, o,
    m, m, m, m, b, z, x, x, m, m, m, m, b, z, x, x,
    m, m, m, m, b, z, o, x, m, m, m, m, b, z, o, x,
    m, m, m, m, b, z, o, x, m, m, m, m, b, z, o, x,
    // 40: REX
    o, o, o, o, o, o, o, o, o, o, o, o, o, o, o, o,
    s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s,
    x, x, o, m, o, o, o, o, s | kImmZ, mz, s | kImm8, mi, 0, 0, 0, 0,
    j, j, j, j, j, j, j, j, j, j, j, j, j, j, j, j,
    // 80
    mi, mz, x, mi, m, m, m, m, m, m, m, m, m, m, m | kSpecial, o,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x, 0, s, s, 0, 0,
    kOffset, kOffset, kOffset, kOffset, 0, 0, 0, 0, b, z, 0, 0, 0, 0, 0, 0,
    b, b, b, b, b, b, b, b, kImmV, kImmV, kImmV, kImmV, kImmV, kImmV, kImmV, kImmV,
    // C0
    mi, mi, s | c | kImm16, s | c, o, o, mi | kSpecial, mz | kSpecial, s | kImm24, s, s | c | kImm16, s | c, c, j, x, s | c,
    m, m, m, m, x, x, x, 0, m, m, m, m, m, m, m, m,
    j, j, j, j, b, b, b, b, s | jz, jz, x, j, 0, 0, 0, 0,
    o, c, o, o, 0, 0, o, o, 0, 0, 0, 0, 0, 0, m, o,
};

constexpr u8 kTwoBytes[256] = {
    // 00
    m, m, m, m, x, c, 0, c, 0, 0, x, 0, x, m, 0, mi,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    m, m, m, m, x, x, x, x, m, m, m, m, m, m, m, m,
    0, 0, 0, 0, c, c, x, 0, o, x, o, x, x, x, x, x,
    // 40
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    mi, mi, mi, mi, m, m, m, 0, o, m, x, x, m, m, m, m,
    // 80
    jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz, jz,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    s, s | c, 0, m, mi, m, m, m, s, s | c, 0, m, mi, m, m | kSpecial, m,
    m, m, m | kSpecial, m, m | kSpecial, m | kSpecial, m, m, m, m, mi, m, m, m, m, m,
    // C0
    m, m, mi, m, mi, mi, mi, m, 0, 0, 0, 0, 0, 0, 0, 0,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
    m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m,
};

i32 read_signed(const u8* at, u32 bytes) {
    if (bytes == 1)
        return static_cast<i8>(*at);
    i32 value;
    __builtin_memcpy(&value, at, 4);
    return value;
}

// In the maps that VEX and EVEX share with the legacy ones.
bool has_vector_immediate(u8 map, u8 opcode) {
    if (map == 3)
        return true;
    return map == 1 && ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6));
}

class Decoder {
public:
    Decoder(const u8* bytes, u32 available, Instruction& out) : m_bytes(bytes), m_out(out) {
        m_limit = available < kMaxInstructionBytes ? available : kMaxInstructionBytes;
        m_whole = available >= kMaxInstructionBytes;
    }

    Decoded run() {
        m_out = {};
        m_out.vvvv = m_out.base = m_out.index = kNoRegister;
        u8 byte;
        for (;;) {
            if (!next(byte))
                return short_of();
            const u8 form = kOneByte[byte];
            if (!(form & kOther) || !take_prefix(byte))
                break;
        }
        m_out.opcode_offset = static_cast<u8>(m_at - 1);
        if (!m_out.rex)
            m_out.form_offset = m_out.opcode_offset;
        u8 form;
        if (byte == 0x0f) {
            if (!next(byte))
                return short_of();
            m_out.map = 1;
            form = kTwoBytes[byte];
            if (byte == 0x38 || byte == 0x3a) {
                m_out.map = byte == 0x38 ? 2 : 3;
                form = byte == 0x38 ? m : mi;
                if (!next(byte))
                    return short_of();
            } else if (byte == 0x78) { // extrq, insertq; without a prefix vmread
                form = m_out.operand_16 || m_out.repne ? kModRm | kImm16 : kModRm;
            }
        } else if (byte == 0x62 || byte == 0xc4 || byte == 0xc5) {
            return vector_form(byte);
        } else if (byte == 0x8f) {
            u8 after;
            if (!peek(after))
                return short_of();
            if ((after & 0x1f) >= 8)
                return vector_form(byte);
            form = kModRm | kStack;
        } else if (byte == 0xf6 || byte == 0xf7) {
            u8 after;
            if (!peek(after))
                return short_of();
            form = kModRm | ((after & 0x38) >= 0x10 ? 0 : byte == 0xf6 ? kImm8 : kImmZ);
        } else if (byte == 0xff) {
            u8 after;
            if (!peek(after))
                return short_of();
            const u8 group = (after >> 3) & 7;
            form = group < 2 ? m : group == 6 ? kModRm | kStack : kModRm | kSpecial | (group == 2 ? kStack : 0);
        } else {
            form = kOneByte[byte];
        }
        m_out.opcode = byte;
        if (form & kBad)
            return invalid();
        m_is_control_move = m_out.map == 1 && byte >= 0x20 && byte <= 0x23;
        m_out.flags = static_cast<u8>((form & kStack ? kUsesStack : 0) | (form & kSpecial ? kControl : 0));
        if ((form & kModRm) && !take_modrm(m_out.rex))
            return short_of();
        return take_immediate(immediate_bytes(form));
    }

private:
    bool next(u8& byte) {
        if (m_at >= m_limit)
            return false;
        byte = m_bytes[m_at++];
        return true;
    }
    bool peek(u8& byte) const {
        if (m_at >= m_limit)
            return false;
        byte = m_bytes[m_at];
        return true;
    }
    Decoded short_of() const { return m_whole ? Decoded::TooLong : Decoded::Truncated; }
    Decoded invalid() {
        m_out.length = static_cast<u8>(m_at);
        return Decoded::Invalid;
    }

    // False when the byte is an opcode.
    bool take_prefix(u8 byte) {
        // A REX prefix counts only right before the opcode.
        if ((byte & 0xf0) == 0x40) {
            m_out.rex = byte;
            m_out.form_offset = static_cast<u8>(m_at - 1);
            return true;
        }
        switch (byte) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: break; // no meaning in 64-bit mode
        case 0x64:
        case 0x65: m_out.segment = byte; break;
        case 0x66: m_out.operand_16 = true; break;
        case 0x67: m_out.address_32 = true; break;
        case 0xf0: m_out.lock = true; break;
        case 0xf2: m_out.repne = true, m_out.rep = false; break;
        case 0xf3: m_out.rep = true, m_out.repne = false; break;
        default: return false;
        }
        m_out.rex = 0;
        return true;
    }

    u32 immediate_bytes(u8 form) const {
        // By kImm8 and so on: with operands of 4 or 8 bytes, and of 2.
        static constexpr u8 kBytes[2][8] = {{0, 1, 4, 4, 4, 2, 3, 8}, {0, 1, 2, 4, 2, 2, 3, 8}};
        const u8 kind = form & kImmediate;
        const bool is_wide = m_out.rex & 8;
        if (kind == kImmV && is_wide)
            return 8;
        if (kind == kOffset && m_out.address_32)
            return 4;
        return kBytes[m_out.operand_16 && !is_wide][kind];
    }

    [[gnu::always_inline]] bool take_modrm(u8 rex) {
        if (!next(m_out.modrm))
            return false;
        m_out.has_modrm = true;
        m_out.modrm_offset = static_cast<u8>(m_at - 1);
        const u8 mod = m_out.modrm >> 6, rm = m_out.modrm & 7;
        m_out.reg = static_cast<u8>(((m_out.modrm >> 3) & 7) | (rex & 4 ? 8 : 0));
        m_out.rm = static_cast<u8>(rm | (rex & 1 ? 8 : 0));
        // Control and debug registers are moved whatever ModRM.mod says.
        if (mod == 3 || m_is_control_move)
            return true;
        m_out.has_memory = true;
        static constexpr u8 kDisplacements[] = {0, 1, 4, 0};
        u8 displacement = kDisplacements[mod];
        if (rm == 4) {
            u8 sib;
            if (!next(sib))
                return false;
            m_out.scale = sib >> 6;
            const u8 index = static_cast<u8>(((sib >> 3) & 7) | (rex & 2 ? 8 : 0));
            m_out.index = index == 4 && !m_has_vector_index ? kNoRegister : index;
            if ((sib & 7) == 5 && mod == 0)
                displacement = 4;
            else
                m_out.base = static_cast<u8>((sib & 7) | (rex & 1 ? 8 : 0));
        } else if (rm == 5 && mod == 0) {
            m_out.base = kRip;
            displacement = 4;
        } else {
            m_out.base = m_out.rm;
        }
        m_out.displacement_bytes = displacement;
        m_out.displacement_offset = static_cast<u8>(m_at);
        if (m_at + displacement > m_limit)
            return false;
        if (displacement)
            m_out.displacement = read_signed(m_bytes + m_at, displacement);
        m_at += displacement;
        return true;
    }

    Decoded take_immediate(u32 bytes) {
        m_out.immediate_bytes = static_cast<u8>(bytes);
        m_out.immediate_offset = static_cast<u8>(m_at);
        if (m_at + bytes > m_limit)
            return short_of();
        m_at += bytes;
        m_out.length = static_cast<u8>(m_at);
        return Decoded::Ok;
    }

    Decoded vector_form(u8 first) {
        m_out.form_offset = static_cast<u8>(m_at - 1);
        // After a REX, 66, F2, F3 or F0 prefix these are undefined.
        const bool is_misplaced = m_out.rex || m_out.operand_16 || m_out.rep || m_out.repne || m_out.lock;
        u8 payload[3], rex = 0;
        const u32 count = first == 0xc5 ? 1 : first == 0x62 ? 3 : 2;
        for (u32 i = 0; i < count; ++i)
            if (!next(payload[i]))
                return short_of();
        if (is_misplaced)
            return invalid();
        if (first == 0xc5) {
            m_out.encoding = Encoding::Vex2;
            m_out.map = 1;
            rex = payload[0] & 0x80 ? 0 : 4;
            m_out.vvvv = (~payload[0] >> 3) & 15;
        } else {
            m_out.encoding = first == 0x62 ? Encoding::Evex : first == 0xc4 ? Encoding::Vex3 : Encoding::Xop;
            m_out.map = payload[0] & (first == 0x62 ? 7 : 0x1f);
            rex = static_cast<u8>((~payload[0] >> 5) & 7);
            m_out.vvvv = (~payload[1] >> 3) & 15;
        }
        m_out.rex = 0;
        u8 opcode;
        if (!next(opcode))
            return short_of();
        m_out.opcode = opcode;
        m_out.opcode_offset = static_cast<u8>(m_at - 1);
        u32 immediate = 0;
        switch (m_out.encoding) {
        case Encoding::Xop:
            if (m_out.map < 8 || m_out.map > 10)
                return invalid();
            immediate = m_out.map == 8 ? 1 : m_out.map == 10 ? 4 : 0;
            break;
        case Encoding::Evex:
            if (m_out.map == 0 || m_out.map == 4 || m_out.map == 7 || (payload[0] & 8) || !(payload[1] & 4))
                return invalid();
            immediate = has_vector_immediate(m_out.map, opcode);
            break;
        default:
            if (m_out.map < 1 || m_out.map > 3)
                return invalid();
            immediate = has_vector_immediate(m_out.map, opcode);
            if (m_out.map == 1 && opcode == 0x77) // vzeroupper, vzeroall
                return take_immediate(0);
            break;
        }
        // Gathers and scatters: the index is a vector register, and number 4 is one of them.
        m_has_vector_index = m_out.map == 2 && ((opcode >= 0x90 && opcode <= 0x93) || (opcode >= 0xa0 && opcode <= 0xa3) ||
                                                opcode == 0xc6 || opcode == 0xc7);
        if (!take_modrm(rex))
            return short_of();
        return take_immediate(immediate);
    }

    const u8* m_bytes;
    Instruction& m_out;
    u32 m_at = 0, m_limit;
    bool m_whole;
    bool m_has_vector_index = false;
    bool m_is_control_move = false;
};

} // namespace

Decoded decode(const u8* bytes, u32 available, Instruction& out) { return Decoder(bytes, available, out).run(); }

} // namespace engine::translate
