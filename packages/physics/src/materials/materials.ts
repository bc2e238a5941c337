/**
 * The known materials. Densities: NIST XAAMDI Tables 1 and 2 unless stated; tissues ICRU 44 (NIST's rows) and ICRU 46
 * (compositions written here); `catphan-*` are the densities of that phantom's manual. Not for dosimetry.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { Material } from "./material.ts";
import {
  createCompound,
  createHydroxyapatiteInsert,
  createPureMaterial,
  createSolution,
  withDensity,
} from "./mixtures.ts";

const water = createPureMaterial("water", "water_liquid");
const blood = createPureMaterial("blood", "blood_whole_icru44");
const lungTissue = createPureMaterial("lung-tissue", "lung_icru44");
/** Cured bisphenol-A epoxy: the formula of its diglycidyl ether, at the usual 1.16 g/cm³. */
const epoxyResin = createCompound("epoxy-resin", 1.16, { C: 21, H: 24, O: 4 });

/**
 * Catphan's bone-like inserts: the maker states densities (1.14 and 1.40 g/cm³) and nominal HU (237 and 725) but no
 * composition. Stand-ins: epoxy resin with the weight fraction of hydroxyapatite that gives the nominal HU at 70 keV.
 */
function createCatphanBone(name: string, densityGPerCm3: number, mineralFraction: number): Material {
  return createSolution(name, epoxyResin, "hydroxyapatite", 1000 * mineralFraction * densityGPerCm3, {
    densityGPerCm3,
  });
}

const list: readonly Material[] = [
  createPureMaterial("air", "air_dry"),
  water,

  // Tissues.
  createPureMaterial("adipose", "adipose_icru44"),
  createPureMaterial("muscle", "muscle_skeletal_icru44"),
  blood,
  createPureMaterial("brain", "brain_icru44"),
  createPureMaterial("breast", "breast_icru44"),
  createPureMaterial("soft-tissue", "soft_tissue_icru44"),
  createPureMaterial("soft-tissue-four-component", "soft_tissue_icru_4comp"),
  createPureMaterial("cortical-bone", "bone_cortical_icru44"),
  lungTissue,
  // Inflated lung, ICRU 44.
  withDensity(lungTissue, 0.26, { name: "lung" }),
  // ICRU 46, adult spongiosa: bone mineral with marrow.
  createCompound(
    "trabecular-bone",
    1.18,
    { H: 8.5, C: 40.4, N: 2.8, O: 36.7, Na: 0.1, Mg: 0.1, P: 3.4, S: 0.2, Cl: 0.2, K: 0.1, Ca: 7.4, Fe: 0.1 },
    { amounts: "weights" },
  ),
  // ICRU 46, vertebral column D6 and L3, cartilage left out.
  createCompound(
    "vertebral-bone",
    1.33,
    { H: 7, C: 28.7, N: 3.8, O: 43.7, Mg: 0.1, P: 5.1, S: 0.2, Cl: 0.1, K: 0.1, Ca: 11.1, Fe: 0.1 },
    { amounts: "weights" },
  ),

  // Plastics at NIST's densities.
  createPureMaterial("pmma", "pmma"),
  createPureMaterial("polyethylene", "polyethylene"),
  createPureMaterial("polystyrene", "polystyrene"),
  createPureMaterial("teflon", "teflon_ptfe"),
  createPureMaterial("pvc", "pvc"),
  createPureMaterial("pet", "pet_mylar"),
  createPureMaterial("a150", "a150_tissue_plastic"),
  createPureMaterial("b100", "b100_bone_plastic"),
  createPureMaterial("delrin", "delrin_pom"),
  createPureMaterial("ldpe", "ldpe"),
  createPureMaterial("pmp", "pmp_polymethylpentene"),
  epoxyResin,

  // Catphan manual, specific gravities.
  createPureMaterial("catphan-polystyrene", "polystyrene", 1.03),
  createPureMaterial("catphan-acrylic", "pmma", 1.18),
  createPureMaterial("catphan-teflon", "teflon_ptfe", 2.16),
  createPureMaterial("catphan-delrin", "delrin_pom", 1.42),
  createPureMaterial("catphan-ldpe", "ldpe", 0.92),
  createPureMaterial("catphan-pmp", "pmp_polymethylpentene", 0.83),
  createCatphanBone("catphan-bone-20", 1.14, 0.21612),
  createCatphanBone("catphan-bone-50", 1.4, 0.42075),

  // Mineral.
  createPureMaterial("hydroxyapatite", "hydroxyapatite", 3.16),
  ...[100, 200, 400, 800, 1200].map((mg) =>
    createHydroxyapatiteInsert(`hydroxyapatite-resin-${mg}`, mg, epoxyResin),
  ),
  // Gypsum CaSO4·2H2O: the crystal has 2.32 g/cm³; set plaster is porous, casts have 1.1 to 1.3.
  createCompound("gypsum", 2.32, { Ca: 1, S: 1, O: 6, H: 4 }),
  createCompound("plaster", 1.2, { Ca: 1, S: 1, O: 6, H: 4 }),

  // Metals.
  createPureMaterial("aluminium", "element_Al"),
  createPureMaterial("titanium", "element_Ti"),
  createPureMaterial("chromium", "element_Cr"),
  createPureMaterial("iron", "element_Fe"),
  createPureMaterial("cobalt", "element_Co"),
  createPureMaterial("nickel", "element_Ni"),
  createPureMaterial("copper", "element_Cu"),
  createPureMaterial("molybdenum", "element_Mo"),
  createPureMaterial("rhodium", "element_Rh"),
  createPureMaterial("tin", "element_Sn"),
  createPureMaterial("tungsten", "element_W"),
  createPureMaterial("platinum", "element_Pt"),
  createPureMaterial("gold", "element_Au"),
  createPureMaterial("lead", "element_Pb"),
  // AISI 316L, middle of the standard's ranges, manganese counted as iron.
  createCompound("stainless-steel", 8, { Fe: 68.5, Cr: 17, Ni: 12, Mo: 2.5 }, { amounts: "weights" }),
  // ASTM F75 / F1537: Co–28Cr–6Mo.
  createCompound("cobalt-chrome", 8.3, { Co: 66, Cr: 28, Mo: 6 }, { amounts: "weights" }),
  // Nickel–titanium of stents, ASTM F2063.
  createCompound("nitinol", 6.45, { Ni: 55.8, Ti: 44.2 }, { amounts: "weights" }),

  // Contrast, mg of the element per mL.
  createPureMaterial("iodine", "iodine"),
  ...[2, 5, 10, 15, 20].map((mg) => createSolution(`iodine-water-${mg}`, water, "iodine", mg)),
  ...[2, 5, 10, 15, 20].map((mg) => createSolution(`iodine-blood-${mg}`, blood, "iodine", mg)),
  ...[2, 5, 10].map((mg) => createSolution(`gadolinium-water-${mg}`, water, "element_Gd", mg)),
  ...[10, 50].map((mg) => createSolution(`barium-water-${mg}`, water, "element_Ba", mg)),

  // Detectors and filters.
  createPureMaterial("graphite", "element_C"),
  createPureMaterial("silicon", "element_Si"),
  createPureMaterial("cesium-iodide", "cesium_iodide"),
  createPureMaterial("gadolinium-oxysulfide", "gadolinium_oxysulfide"),
  createPureMaterial("cadmium-telluride", "cadmium_telluride"),
];

/** Materials by name. */
export const materials: Registry<Material> = createRegistry<Material>(
  "material",
  list.map((material) => [material.name, material] as const),
);
