"""The GLSL programs: a shadow pass, a pass that writes surfaces, and a pass that shades them.

Hands are made of triangles of about a pixel, and a software rasteriser runs a fragment shader on
whole blocks of pixels: lights and shadows per fragment would run many times for each pixel.  So
the meshes only write what their surface is (colour, normal, depth, gloss), several samples a
pixel, and one pass over the image shades: what is in front in a pixel once, and what is seen
beside it once more.

Every place where a division, a root or a normalisation could meet zero is guarded where it
happens (`safeNormalize`, `max(..., 1e-4)`): the NaN pixels of earlier trials came from
`normalize` of bump gradients on degenerate texture triangles and from `pow` of small negative
interpolants, and spread through the blur of the compositing.
"""

MAX_LIGHTS = 3
SAMPLES = 2
"""A pixel's side in samples."""

SHADOW_VERTEX = """
#version 330
in vec3 in_position;
uniform mat4 light;
void main() { gl_Position = light * vec4(in_position, 1.0); }
"""

SHADOW_FRAGMENT = """
#version 330
void main() {}
"""

SURFACE_VERTEX = """
#version 330
in vec3 in_position;
in vec3 in_normal;
in float in_open;
in vec2 in_fold;              // mm from the nearest crease, strength
in vec2 in_uv;
uniform vec4 intrinsics;      // 2fx/w, 2fy/h, offsets of the principal point in clip space
uniform vec2 planes;          // near, far
out vec3 position;
out vec3 normal;
out vec2 uv;
out float ao;
out vec2 fold;
void main() {
    position = in_position; normal = in_normal; uv = in_uv; ao = in_open; fold = in_fold;
    float z = in_position.z, n0 = planes.x, f0 = planes.y;
    gl_Position = vec4(in_position.x * intrinsics.x + intrinsics.z * z,
                       -(in_position.y * intrinsics.y + intrinsics.w * z),
                       (z * (f0 + n0) - 2.0 * f0 * n0) / (f0 - n0), z);
}
"""

SURFACE_FRAGMENT = """
#version 330
in vec3 position;
in vec3 normal;
in vec2 uv;
in float ao;
in vec2 fold;
uniform sampler2D albedo_map;
uniform sampler2D noise_map;
uniform vec3 tint;
uniform vec3 tint_offset;
uniform float bump;
uniform float saturation;
uniform float detail;
uniform float detail_scale;
uniform uint code;            // ident, roughness, specular, subsurface, a byte each
out uvec4 surface;

vec3 safeNormalize(vec3 v) { return v * inversesqrt(max(dot(v, v), 1e-12)); }
uint bytes(vec4 v) {
    uvec4 u = uvec4(clamp(v, 0.0, 1.0) * 255.0 + 0.5);
    return u.x | (u.y << 8u) | (u.z << 16u) | (u.w << 24u);
}
uint octahedral(vec3 n) {
    vec2 p = n.xy / max(abs(n.x) + abs(n.y) + abs(n.z), 1e-6);
    if (n.z < 0.0) p = (1.0 - abs(p.yx)) * vec2(p.x < 0.0 ? -1.0 : 1.0, p.y < 0.0 ? -1.0 : 1.0);
    uvec2 u = uvec2(clamp(p * 0.5 + 0.5, 0.0, 1.0) * 65535.0 + 0.5);
    return u.x | (u.y << 16u);
}

void main() {
    vec3 texel = texture(albedo_map, uv).rgb;
    vec3 base = pow(max(texel, vec3(0.0)), vec3(2.2)) * tint + tint_offset;
    float gray = dot(base, vec3(0.3, 0.6, 0.1));
    base = clamp(mix(vec3(gray), base, saturation), 0.0, 0.95);
    vec3 n = safeNormalize(normal);
    if (!gl_FrontFacing) n = -n;
    float m = texture(noise_map, uv * detail_scale).r;
    base *= 1.0 + detail * (m - 0.5);
    // One deep line and one on either side of it; they look darker and redder, and are grooves.
    vec3 across = vec3(fold.x, fold.x - 2.3, fold.x + 2.3) * vec3(1.3, 1.8, 1.8);
    vec3 lines = 1.0 / (1.0 + across * across);
    float groove = fold.y * dot(lines * lines, vec3(1.0, 0.5, 0.5));
    base *= 1.0 - groove * vec3(0.30, 0.42, 0.45);
    float h = dot(texel, vec3(0.333)) - 0.3 * groove;
    vec3 px = dFdx(position), py = dFdy(position);
    vec3 r1 = cross(py, n), r2 = cross(n, px);
    float det = dot(px, r1);
    // Not normalised by det where the surface is seen edge on: that is where NaNs came from.
    vec3 gradient = (dFdx(h) * r1 + dFdy(h) * r2) * sign(det) / max(abs(det), 1e-12);
    float steep = length(gradient) * bump;
    n = safeNormalize(n - gradient * bump / max(1.0, steep));
    surface = uvec4(bytes(vec4(sqrt(max(base, vec3(0.0))), ao)), octahedral(n),
                    floatBitsToUint(position.z), code);
}
"""

SHADE_VERTEX = """
#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
"""

SHADE_FRAGMENT = """
#version 330
uniform usampler2D surface;
uniform sampler2DShadow shadow_map;
uniform vec4 unproject;       // 1/fx, 1/fy, -cx/fx, -cy/fy in samples from the bottom left
uniform mat4 light_matrix;
uniform vec3 light_direction[LIGHTS];   // towards the light
uniform vec3 light_color[LIGHTS];
uniform int light_count;
uniform vec3 ambient[4];                    // constant and x, y, z slopes
uniform float shadow_strength;
uniform float shadow_blur;    // how far the shadow is softened, of the map's side
out vec4 color;

const vec2 disc[4] = vec2[](vec2(0.3, -0.15), vec2(-0.2, 0.55), vec2(-0.65, -0.3),
    vec2(0.55, 0.75));
vec3 safeNormalize(vec3 v) { return v * inversesqrt(max(dot(v, v), 1e-12)); }
vec3 light_from(vec3 n) {
    return max(ambient[0] + n.x * ambient[1] + n.y * ambient[2] + n.z * ambient[3], vec3(0.0));
}
vec4 bytes(uint u) {
    return vec4(u & 255u, (u >> 8u) & 255u, (u >> 16u) & 255u, u >> 24u) / 255.0;
}
vec4 albedo(uint u) {
    vec4 v = bytes(u);
    return vec4(v.rgb * v.rgb, v.a);
}
vec3 octahedral(uint u) {
    vec2 p = vec2(u & 65535u, u >> 16u) / 32767.5 - 1.0;
    vec3 n = vec3(p, 1.0 - abs(p.x) - abs(p.y));
    float t = max(-n.z, 0.0);
    return n + vec3(n.x >= 0.0 ? -t : t, n.y >= 0.0 ? -t : t, 0.0);
}

vec3 shade(vec3 base, float ao, vec3 n, vec3 position, uint code) {
    vec4 gloss_of = bytes(code);
    float roughness = gloss_of.y, specular = gloss_of.z * 0.6, subsurface = gloss_of.w * 2.0;
    vec3 view = safeNormalize(-position);
    n = safeNormalize(n);
    float nv = clamp(dot(n, view), 1e-3, 1.0);
    float a2 = max(roughness * roughness, 0.01); a2 *= a2;
    vec3 diffuse = vec3(0.0), gloss = vec3(0.0);
    vec3 wrap = subsurface * vec3(0.42, 0.17, 0.10);
    vec3 p = (light_matrix * vec4(position + n * 0.0015, 1.0)).xyz * 0.5 + 0.5;
    // Four taps of a fixed disc; each is itself filtered over 2 x 2 texels.
    float sum = 0.0;
    for (int k = 0; k < 4; ++k)
        sum += texture(shadow_map, vec3(p.xy + disc[k] * shadow_blur, p.z - 0.0015));
    float lit = mix(1.0, sum / 4.0, shadow_strength);  // the first light casts shadows
    for (int i = 0; i < light_count; ++i) {
        vec3 l = light_direction[i];
        float nl = dot(n, l);
        vec3 d = max((vec3(nl) + wrap) / (1.0 + wrap), vec3(0.0));
        diffuse += light_color[i] * d * lit * mix(1.0, ao, 0.35);
        vec3 h = safeNormalize(l + view);
        float nh = clamp(dot(n, h), 0.0, 1.0), lh = clamp(dot(l, h), 0.0, 1.0);
        float q = nh * nh * (a2 - 1.0) + 1.0;
        float dist = a2 / max(3.14159 * q * q, 1e-5);
        float k = (roughness + 1.0) * (roughness + 1.0) / 8.0, front = max(nl, 0.0);
        float vis = 0.25 / max((front * (1.0 - k) + k) * (nv * (1.0 - k) + k), 1e-3);
        float f = max(1.0 - lh, 0.0), f2 = f * f;
        float fresnel = specular + (1.0 - specular) * f2 * f2 * f;
        gloss += light_color[i] * min(dist * vis * fresnel, 8.0) * front * lit * 3.14159 * 0.35;
        lit = 1.0;
    }
    // Light that has been through flesh comes out red in the creases.
    vec3 crease = mix(vec3(1.0), vec3(ao), vec3(1.0 - 0.25 * subsurface, 1.0, 1.0));
    vec3 sky = light_from(n) * crease;
    float edge = 1.0 - nv, edge2 = edge * edge;
    vec3 mirror = light_from(reflect(-view, n)) * ao * ao
        * (specular + 0.35 * edge2 * edge2 * edge * (1.0 - roughness));
    return clamp(base * (diffuse + sky) + gloss + mirror, vec3(0.0), vec3(30.0));
}

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * SAMPLES;
    uvec4 s[TOTAL];
    uint code = 0u;
    float low = 1e9;
    for (int i = 0; i < TOTAL; ++i) {
        s[i] = texelFetch(surface, first + ivec2(i % SAMPLES, i / SAMPLES), 0);
        float z = uintBitsToFloat(s[i].z);
        bool nearer = s[i].w != 0u && z < low;
        low = nearer ? z : low;
        code = nearer ? s[i].w : code;
    }
    // What is in front (a), and what is seen beside it (b): two surfaces a pixel suffice.
    vec4 base_a = vec4(0.0), base_b = base_a, place_a = base_a, place_b = base_a;
    vec3 n_a = vec3(0.0), n_b = n_a;
    uint code_b = 0u;
    for (int i = 0; i < TOTAL; ++i) {
        float z = uintBitsToFloat(s[i].z);
        bool front = s[i].w == code && z - low < 0.02 * low;
        float covered = s[i].w != 0u ? 1.0 : 0.0, a = front ? covered : 0.0, b = covered - a;
        vec4 texel = albedo(s[i].x), place = vec4(vec2(i % SAMPLES, i / SAMPLES) + 0.5, z, 1.0);
        vec3 n = octahedral(s[i].y);
        base_a += a * texel; n_a += a * n; place_a += a * place;
        base_b += b * texel; n_b += b * n; place_b += b * place;
        code_b = b > 0.0 ? s[i].w : code_b;
    }
    // A loop, not branches: a software rasteriser runs both sides of a branch.
    int rounds = place_a.w == 0.0 ? 0 : (place_b.w == 0.0 ? 1 : 2);
    color = vec4(0.0);
    for (int i = 0; i < rounds; ++i) {
        bool f = i == 0;
        vec4 place = f ? place_a : place_b;
        float count = place.w;
        place /= count;
        vec2 at = vec2(first) + place.xy;
        vec3 position = vec3((at * unproject.xy + unproject.zw) * place.z, place.z);
        vec4 mean = (f ? base_a : base_b) / count;
        vec3 shaded = shade(mean.rgb, mean.a, f ? n_a : n_b, position, f ? code : code_b);
        color += count * vec4(shaded, 1.0);
    }
    color /= float(TOTAL);
}
"""
for _name, _value in (("LIGHTS", MAX_LIGHTS), ("SAMPLES", SAMPLES), ("TOTAL", SAMPLES**2)):
    SHADE_FRAGMENT = SHADE_FRAGMENT.replace(_name, str(_value))
