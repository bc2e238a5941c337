/**
 * Clean Descriptors (PS3.15 §E.3.5) by allow-list: a word stays when it is in a fixed vocabulary of anatomy,
 * technique, contrast and orientation, or is a measure with its unit or a reconstruction kernel. Everything else goes:
 * names, places, dates and numbers without a unit are never kept, nor is any character outside ASCII. English, German
 * and French stems of the words that scanners write; not a medical dictionary and not a detector of names.
 */
const VOCABULARY: ReadonlySet<string> = new Set(
  `abd abdo abdomen abdominal adc adrenal aio angio angiography ankle aorta aortic apex apical app arm arterial artery
  arteriell art ax axial axiale base basal bein bilateral bladder blood body bold bolus bone bones brain breast bronchi
  bronchial c calcium cap cardiac carotid cbct cerebral cerebrum cervical chest chin coeur col collimation colon
  colonography con contrast cor corona coronal coronale coronary corps cor cow crane cranial cranium cspine ct cta ctdi
  ctpa cta cut de delay delayed detail diaphragm diastole diastolic diff diffusion dose dosis dual dwi dynamic dyn
  early ecg ekg elbow emission enhanced epi ergebnis esophagus exam expiration expiratory extremity face facial fast
  fat fbp femur femoral fine flair flow fluoro foot fov from full fuss fuer fusion gating gated gd gland gre groin
  hals hand hardware head heart hepatic high hip hr hrct hd iac image images imaging in inner insp inspiration
  inspiratory iodine ir iterative iv joint kernel kidney kidneys knee kopf kv kvp l large larynx late lateral left leg
  legs lenticular lesion level limbs lime liver loc localizer localiser low lower lspine ls lumbar lunge lung lungs lwk
  mA mas mammary mandible map max maxilla mean med mediastinum mediastinal medium mid min mip mm mono monoenergetic mpr
  mprage mr mra mri multi multiphase muscle myocardium nasal nativ native nativ nc neck nerve no noise non none
  noncontrast nonenhanced normal oblique orbit orbits organ oral ohne os ovary p pancreas pancreatic parallel pelvis
  pelvic pelv perfusion pet petct phase phantom pituitary plain plane portal portovenous positron post posterior pre
  prone prostate protocol proton pulmonary pv pve qa quality r raw recon reconstruction reduced reference renal repeat
  result right rotation routine run s sagittal sag scan scano scanogram scapula scout sec sections sequence series serie
  shoulder sharp short sinus sinuses skeleton skin skull slab slice slices small smooth soft spin spine spiral spleen
  sspine standard std sternum stomach stir study supine surview swi systole systolic t t1 t1w t2 t2w te temporal test
  thick thigh thin thoracic thorax throat thyroid tibia time tissue to tof topogram topo trachea trachee transverse
  triphasic tse trunk tumor tumour ultra under uniform unenhanced upper ureter urinary urography uterus vascular ve
  vein veins venous venoes ventricle vertebra vertebral vessel vessels view virtual volume vol vrt water weichteil
  weighted wfbp whole wholebody wk with without without wo w wrist x-ray xray yes and or of the mit und avec sans sur
  et en brust becken oberbauch schaedel hws bws lws knochen lungen leber niere herz gefaess arteriel veineux foie rein
  poumon poumons tete cou thoraco abdomino bassin rachis`
    .toLowerCase()
    .split(/\s+/),
);
/** "3mm", "1.25 mm" joined, "120kv", "5.0", "75%", "+C". */
const MEASURE =
  /^(\d{1,3}(\.\d{1,3})?(mm|cm|s|sec|ms|kv|kvp|ma|mas|kev|%|hu|cc|ml|min)|\d{1,2}\.\d{1,3}|\+c|\d(x|d))$/;
/** Kernels of the usual vendors: B40f, Br38d, I30f, Hr60, Qr40, Bv49. */
const KERNEL = /^(b|i|h|u|t|br|bv|bl|bf|hr|hv|hf|qr|qf|sa|sm|ur)\d{2}[a-z]?(\\\d)?$/;
const SEPARATOR = /[\s,;:/()[\]{}<>_&|"'=*#!?]+|-(?=[^\d])|\\/;

/**
 * The words of a description that say nothing about a person, upper and lower case as given, joined by spaces.
 *
 * @param text - any; decoded byte by byte, so characters outside ASCII break the word that they stand in
 * @param maximumLength - of the result; whole words are dropped from its end
 * @returns "" when nothing is left
 * @remarks Deterministic. Loses more than it must: what is not known is dropped.
 */
export function cleanDescription(text: string, maximumLength = 64): string {
  const words = text
    .split("\0")[0]
    .split(SEPARATOR)
    .filter((word) => {
      const lower = word.toLowerCase();
      return VOCABULARY.has(lower) || MEASURE.test(lower) || KERNEL.test(lower);
    });
  let out = "";
  for (const word of words) {
    const next = out === "" ? word : `${out} ${word}`;
    if (next.length > maximumLength) break;
    out = next;
  }
  // A single letter alone is more likely an initial than a side.
  return out.length === 1 ? "" : out;
}
