"""The GLSL programs: a shadow pass and one pass that shades skin, cloth and objects.

Every place where a division, a root or a normalisation could meet zero is guarded where it
happens (`safeNormalize`, `max(..., 1e-4)`): the NaN pixels of earlier trials came from
`normalize` of bump gradients on degenerate texture triangles and from `pow` of small negative
interpolants, and spread through the blur of the compositing.
"""

MAX_LIGHTS = 3
MAX_SPHERES = 96

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

VERTEX = """
#version 330
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
uniform vec4 intrinsics;      // 2fx/w, 2fy/h, offsets of the principal point in clip space
uniform vec2 planes;          // near, far
uniform vec4 spheres[SPHERES];
uniform int sphere_count;
uniform float ao_strength;
out vec3 position;
out vec3 normal;
out vec2 uv;
out float ao;
void main() {
    position = in_position; normal = in_normal; uv = in_uv;
    float open = 1.0;
    vec3 n = normalize(in_normal + vec3(0.0, 0.0, 1e-6));
    for (int i = 0; i < sphere_count; ++i) {
        vec3 d = spheres[i].xyz - in_position;
        float d2 = max(dot(d, d), 1e-8), r2 = spheres[i].w * spheres[i].w;
        float cosine = dot(n, d) * inversesqrt(d2);
        // A sphere that holds the vertex is the vertex's own flesh.
        if (d2 > r2 * 0.8) open *= 1.0 - clamp(cosine, 0.0, 1.0) * min(r2 / d2, 1.0) * 0.85;
    }
    ao = mix(1.0, open, ao_strength);
    float z = in_position.z, n0 = planes.x, f0 = planes.y;
    gl_Position = vec4(in_position.x * intrinsics.x + intrinsics.z * z,
                       -(in_position.y * intrinsics.y + intrinsics.w * z),
                       (z * (f0 + n0) - 2.0 * f0 * n0) / (f0 - n0), z);
}
""".replace("SPHERES", str(MAX_SPHERES))

FRAGMENT = """
#version 330
in vec3 position;
in vec3 normal;
in vec2 uv;
in float ao;
uniform sampler2D albedo_map;
uniform sampler2DShadow shadow_map;
uniform mat4 light_matrix;
uniform vec3 light_direction[LIGHTS];   // towards the light
uniform vec3 light_color[LIGHTS];
uniform int light_count;
uniform vec3 ambient[4];                    // constant and x, y, z slopes
uniform vec3 tint;
uniform vec3 tint_offset;
uniform float roughness;
uniform float specular;
uniform float subsurface;
uniform float bump;
uniform float saturation;
uniform float shadow_strength;
uniform float detail;
uniform float detail_scale;
uniform float id;
layout(location = 0) out vec4 color;
layout(location = 1) out vec4 ident;

const vec2 disc[8] = vec2[](vec2(0.25, 0.0), vec2(-0.32, 0.29), vec2(0.05, -0.56), vec2(0.4, 0.52),
    vec2(-0.74, -0.13), vec2(0.7, -0.45), vec2(-0.23, 0.87), vec2(-0.45, -0.86));
vec3 safeNormalize(vec3 v) { return v * inversesqrt(max(dot(v, v), 1e-12)); }
vec3 light_from(vec3 n) {
    return max(ambient[0] + n.x * ambient[1] + n.y * ambient[2] + n.z * ambient[3], vec3(0.0));
}
float hash(vec2 p) {
    vec3 q = fract(p.xyx * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
float noise(vec2 x) {
    vec2 i = floor(x), f = fract(x); f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x),
               mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}

void main() {
    vec3 texel = texture(albedo_map, uv).rgb;
    vec3 base = pow(max(texel, vec3(0.0)), vec3(2.2)) * tint + tint_offset;
    float gray = dot(base, vec3(0.3, 0.6, 0.1));
    base = clamp(mix(vec3(gray), base, saturation), 0.0, 0.95);
    vec3 view = safeNormalize(-position);
    vec3 n = safeNormalize(normal);
    if (!gl_FrontFacing) n = -n;
    if (detail > 0.0) {
        vec2 q = uv * detail_scale;
        float m = noise(q) * 0.6 + noise(q * 2.7) * 0.4;
        base *= 1.0 + detail * (m - 0.5);
    }
    if (bump > 0.0) {
        float h = dot(texel, vec3(0.333));
        vec3 px = dFdx(position), py = dFdy(position);
        vec3 r1 = cross(py, n), r2 = cross(n, px);
        float det = dot(px, r1);
        // Not normalised by det where the surface is seen edge on: that is where NaNs came from.
        vec3 gradient = (dFdx(h) * r1 + dFdy(h) * r2) * sign(det) / max(abs(det), 1e-12);
        float steep = length(gradient) * bump;
        n = safeNormalize(n - gradient * bump / max(1.0, steep));
    }
    float nv = clamp(dot(n, view), 1e-3, 1.0);
    float a2 = max(roughness * roughness, 0.01); a2 *= a2;
    vec3 diffuse = vec3(0.0), gloss = vec3(0.0);
    vec3 wrap = subsurface * vec3(0.42, 0.17, 0.10);
    for (int i = 0; i < light_count; ++i) {
        vec3 l = light_direction[i];
        float nl = dot(n, l);
        float lit = 1.0;
        if (i == 0 && shadow_strength > 0.0) {
            vec4 s = light_matrix * vec4(position + n * 0.0015, 1.0);
            vec3 p = s.xyz * 0.5 + 0.5;
            // Eight taps of a fixed disc; each is itself filtered over 2 x 2 texels.
            float sum = 0.0;
            for (int k = 0; k < 8; ++k)
                sum += texture(shadow_map, vec3(p.xy + disc[k] * (1.7 / 512.0), p.z - 0.0012));
            lit = mix(1.0, sum / 8.0, shadow_strength);
        }
        vec3 d = max((vec3(nl) + wrap) / (1.0 + wrap), vec3(0.0));
        diffuse += light_color[i] * d * lit * mix(1.0, ao, 0.35);
        if (nl > 0.0) {
            vec3 h = safeNormalize(l + view);
            float nh = clamp(dot(n, h), 0.0, 1.0), lh = clamp(dot(l, h), 0.0, 1.0);
            float q = nh * nh * (a2 - 1.0) + 1.0;
            float dist = a2 / max(3.14159 * q * q, 1e-5);
            float k = (roughness + 1.0) * (roughness + 1.0) / 8.0;
            float vis = 0.25 / max((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k), 1e-3);
            float fresnel = specular + (1.0 - specular) * pow(max(1.0 - lh, 0.0), 5.0);
            gloss += light_color[i] * min(dist * vis * fresnel, 8.0) * nl * lit * 3.14159 * 0.35;
        }
    }
    // Light that has been through flesh comes out red in the creases.
    vec3 crease = mix(vec3(1.0), vec3(ao), vec3(1.0 - 0.25 * subsurface, 1.0, 1.0));
    vec3 sky = light_from(n) * crease;
    float edge = pow(max(1.0 - nv, 0.0), 5.0);
    vec3 mirror = light_from(reflect(-view, n)) * ao * ao
        * (specular + 0.35 * edge * (1.0 - roughness));
    color = vec4(base * (diffuse + sky) + gloss + mirror, 1.0);
    color = min(max(color, vec4(0.0)), vec4(30.0));
    ident = vec4(id);
}
""".replace("LIGHTS", str(MAX_LIGHTS))
