/**
 * The attributes Alara uses, by their DICOM keyword (PS3.6), and the value representation of any standard tag.
 * A tag is one number, group × 65536 + element. Not a full dictionary of names.
 */
import { VR_TAGS } from "../generated/vr-table.ts";

/** Tags by keyword. */
export const TAG = {
  FileMetaInformationGroupLength: 0x00020000,
  FileMetaInformationVersion: 0x00020001,
  MediaStorageSOPClassUID: 0x00020002,
  MediaStorageSOPInstanceUID: 0x00020003,
  TransferSyntaxUID: 0x00020010,
  ImplementationClassUID: 0x00020012,
  ImplementationVersionName: 0x00020013,
  LengthToEnd: 0x00080001,
  SpecificCharacterSet: 0x00080005,
  ImageType: 0x00080008,
  InstanceCreationDate: 0x00080012,
  InstanceCreationTime: 0x00080013,
  InstanceCreatorUID: 0x00080014,
  SOPClassUID: 0x00080016,
  SOPInstanceUID: 0x00080018,
  StudyDate: 0x00080020,
  SeriesDate: 0x00080021,
  AcquisitionDate: 0x00080022,
  ContentDate: 0x00080023,
  AcquisitionDateTime: 0x0008002a,
  StudyTime: 0x00080030,
  SeriesTime: 0x00080031,
  AcquisitionTime: 0x00080032,
  ContentTime: 0x00080033,
  AccessionNumber: 0x00080050,
  Modality: 0x00080060,
  Manufacturer: 0x00080070,
  ReferringPhysicianName: 0x00080090,
  CodeValue: 0x00080100,
  CodingSchemeDesignator: 0x00080102,
  CodeMeaning: 0x00080104,
  TimezoneOffsetFromUTC: 0x00080201,
  StudyDescription: 0x00081030,
  SeriesDescription: 0x0008103e,
  ManufacturerModelName: 0x00081090,
  ReferencedPerformedProcedureStepSequence: 0x00081111,
  ReferencedSeriesSequence: 0x00081115,
  ReferencedImageSequence: 0x00081140,
  ReferencedSOPClassUID: 0x00081150,
  ReferencedSOPInstanceUID: 0x00081155,
  ReferencedFrameNumber: 0x00081160,
  ReferencedSOPSequence: 0x00081199,
  DerivationDescription: 0x00082111,
  SourceImageSequence: 0x00082112,
  AnatomicRegionSequence: 0x00082218,
  IrradiationEventUID: 0x00083010,
  FrameType: 0x00089007,
  ReferencedImageEvidenceSequence: 0x00089092,
  DerivationImageSequence: 0x00089124,
  SourceImageEvidenceSequence: 0x00089154,
  PixelPresentation: 0x00089205,
  VolumetricProperties: 0x00089206,
  VolumeBasedCalculationTechnique: 0x00089207,
  DerivationCodeSequence: 0x00089215,
  PatientName: 0x00100010,
  PatientID: 0x00100020,
  PatientBirthDate: 0x00100030,
  PatientSex: 0x00100040,
  ContrastBolusAgent: 0x00180010,
  ContrastBolusAgentSequence: 0x00180012,
  BodyPartExamined: 0x00180015,
  ScanningSequence: 0x00180020,
  SequenceVariant: 0x00180021,
  ScanOptions: 0x00180022,
  MRAcquisitionType: 0x00180023,
  SliceThickness: 0x00180050,
  KVP: 0x00180060,
  RepetitionTime: 0x00180080,
  EchoTime: 0x00180081,
  MagneticFieldStrength: 0x00180087,
  SpacingBetweenSlices: 0x00180088,
  DataCollectionDiameter: 0x00180090,
  EchoTrainLength: 0x00180091,
  DeviceSerialNumber: 0x00181000,
  SoftwareVersions: 0x00181020,
  ProtocolName: 0x00181030,
  TriggerTime: 0x00181060,
  FrameTime: 0x00181063,
  ReconstructionDiameter: 0x00181100,
  DistanceSourceToDetector: 0x00181110,
  DistanceSourceToPatient: 0x00181111,
  GantryDetectorTilt: 0x00181120,
  TableHeight: 0x00181130,
  RotationDirection: 0x00181140,
  ExposureTime: 0x00181150,
  XRayTubeCurrent: 0x00181151,
  Exposure: 0x00181152,
  FilterType: 0x00181160,
  FocalSpots: 0x00181190,
  ConvolutionKernel: 0x00181210,
  WaterEquivalentDiameter: 0x00181271,
  FlipAngle: 0x00181314,
  PatientPosition: 0x00185100,
  FilterMaterial: 0x00187050,
  ContentQualification: 0x00189004,
  FrameAcquisitionDateTime: 0x00189074,
  DiffusionBValue: 0x00189087,
  MRTimingAndRelatedParametersSequence: 0x00189112,
  MREchoSequence: 0x00189114,
  FrameReferenceDateTime: 0x00189151,
  FrameAcquisitionDuration: 0x00189220,
  MRImageFrameTypeSequence: 0x00189226,
  CTAcquisitionTypeSequence: 0x00189301,
  AcquisitionType: 0x00189302,
  CTAcquisitionDetailsSequence: 0x00189304,
  RevolutionTime: 0x00189305,
  SingleCollimationWidth: 0x00189306,
  TotalCollimationWidth: 0x00189307,
  CTTableDynamicsSequence: 0x00189308,
  TableSpeed: 0x00189309,
  TableFeedPerRotation: 0x00189310,
  SpiralPitchFactor: 0x00189311,
  CTGeometrySequence: 0x00189312,
  CTReconstructionSequence: 0x00189314,
  ReconstructionAlgorithm: 0x00189315,
  ConvolutionKernelGroup: 0x00189316,
  ReconstructionFieldOfView: 0x00189317,
  ReconstructionAngle: 0x00189319,
  ImageFilter: 0x00189320,
  CTExposureSequence: 0x00189321,
  ReconstructionPixelSpacing: 0x00189322,
  ExposureModulationType: 0x00189323,
  CTXRayDetailsSequence: 0x00189325,
  CTPositionSequence: 0x00189326,
  ExposureTimeInms: 0x00189328,
  CTImageFrameTypeSequence: 0x00189329,
  XRayTubeCurrentInmA: 0x00189330,
  ExposureInmAs: 0x00189332,
  DistanceSourceToDataCollectionCenter: 0x00189335,
  CTDIvol: 0x00189345,
  CTDIPhantomTypeCodeSequence: 0x00189346,
  MonoenergeticEnergyEquivalent: 0x0018937c,
  IrradiationEventIdentificationSequence: 0x00189477,
  PETFrameTypeSequence: 0x00189751,
  IterativeReconstructionMethod: 0x00189769,
  ContributingEquipmentSequence: 0x0018a001,
  ContributionDateTime: 0x0018a002,
  ContributionDescription: 0x0018a003,
  StudyInstanceUID: 0x0020000d,
  SeriesInstanceUID: 0x0020000e,
  StudyID: 0x00200010,
  SeriesNumber: 0x00200011,
  AcquisitionNumber: 0x00200012,
  InstanceNumber: 0x00200013,
  ImagePositionPatient: 0x00200032,
  ImageOrientationPatient: 0x00200037,
  FrameOfReferenceUID: 0x00200052,
  Laterality: 0x00200060,
  TemporalPositionIdentifier: 0x00200100,
  PositionReferenceIndicator: 0x00201040,
  SliceLocation: 0x00201041,
  ImageComments: 0x00204000,
  StackID: 0x00209056,
  InStackPositionNumber: 0x00209057,
  FrameAnatomySequence: 0x00209071,
  FrameLaterality: 0x00209072,
  FrameContentSequence: 0x00209111,
  PlanePositionSequence: 0x00209113,
  PlaneOrientationSequence: 0x00209116,
  TemporalPositionIndex: 0x00209128,
  FrameAcquisitionNumber: 0x00209156,
  DimensionIndexValues: 0x00209157,
  DimensionOrganizationUID: 0x00209164,
  DimensionIndexPointer: 0x00209165,
  FunctionalGroupPointer: 0x00209167,
  UnassignedSharedConvertedAttributesSequence: 0x00209170,
  UnassignedPerFrameConvertedAttributesSequence: 0x00209171,
  ConversionSourceAttributesSequence: 0x00209172,
  DimensionOrganizationSequence: 0x00209221,
  DimensionIndexSequence: 0x00209222,
  NominalPercentageOfCardiacPhase: 0x00209241,
  TemporalPositionSequence: 0x00209310,
  SamplesPerPixel: 0x00280002,
  PhotometricInterpretation: 0x00280004,
  PlanarConfiguration: 0x00280006,
  NumberOfFrames: 0x00280008,
  FrameIncrementPointer: 0x00280009,
  Rows: 0x00280010,
  Columns: 0x00280011,
  PixelSpacing: 0x00280030,
  BitsAllocated: 0x00280100,
  BitsStored: 0x00280101,
  HighBit: 0x00280102,
  PixelRepresentation: 0x00280103,
  SmallestImagePixelValue: 0x00280106,
  LargestImagePixelValue: 0x00280107,
  SmallestPixelValueInSeries: 0x00280108,
  LargestPixelValueInSeries: 0x00280109,
  PixelPaddingValue: 0x00280120,
  PixelPaddingRangeLimit: 0x00280121,
  BurnedInAnnotation: 0x00280301,
  WindowCenter: 0x00281050,
  WindowWidth: 0x00281051,
  RescaleIntercept: 0x00281052,
  RescaleSlope: 0x00281053,
  RescaleType: 0x00281054,
  WindowCenterWidthExplanation: 0x00281055,
  VOILUTFunction: 0x00281056,
  SpatialLocationsPreserved: 0x0028135a,
  LossyImageCompression: 0x00282110,
  LossyImageCompressionRatio: 0x00282112,
  LossyImageCompressionMethod: 0x00282114,
  ModalityLUTSequence: 0x00283000,
  LUTDescriptor: 0x00283002,
  ModalityLUTType: 0x00283004,
  LUTData: 0x00283006,
  PixelDataProviderURL: 0x00287fe0,
  PixelMeasuresSequence: 0x00289110,
  FrameVOILUTSequence: 0x00289132,
  PixelValueTransformationSequence: 0x00289145,
  AcquisitionContextSequence: 0x00400555,
  PurposeOfReferenceCodeSequence: 0x0040a170,
  Units: 0x00541001,
  IconImageSequence: 0x00880200,
  PresentationLUTShape: 0x20500020,
  DoseUnits: 0x30040002,
  GridFrameOffsetVector: 0x3004000c,
  DoseGridScaling: 0x3004000e,
  MACParametersSequence: 0x4ffe0001,
  SharedFunctionalGroupsSequence: 0x52009229,
  PerFrameFunctionalGroupsSequence: 0x52009230,
  ExtendedOffsetTable: 0x7fe00001,
  ExtendedOffsetTableLengths: 0x7fe00002,
  FloatPixelData: 0x7fe00008,
  DoubleFloatPixelData: 0x7fe00009,
  PixelData: 0x7fe00010,
  DigitalSignaturesSequence: 0xfffafffa,
  DataSetTrailingPadding: 0xfffcfffc,
  Item: 0xfffee000,
  ItemDelimitationItem: 0xfffee00d,
  SequenceDelimitationItem: 0xfffee0dd,
} as const;

/** A keyword of {@link TAG}. */
export type TagKeyword = keyof typeof TAG;

let vrByTag: Map<number, string> | undefined;

function loadVrTable(): Map<number, string> {
  const table = new Map<number, string>();
  for (const [vr, tags] of Object.entries(VR_TAGS)) {
    for (const tag of tags.split(" ")) table.set(Number.parseInt(tag, 16), vr);
  }
  return table;
}

/** Group number of a tag. */
export function getTagGroup(tag: number): number {
  return Math.floor(tag / 65536);
}

/** Whether a tag is private: odd group, PS3.5 §7.8. */
export function isPrivateTag(tag: number): boolean {
  return (Math.floor(tag / 65536) & 1) === 1;
}

/** "(gggg,eeee)", hexadecimal. */
export function formatTag(tag: number): string {
  const hex = tag.toString(16).padStart(8, "0").toUpperCase();
  return `(${hex.slice(0, 4)},${hex.slice(4)})`;
}

/**
 * Value representation of a tag from PS3.6; "UN" when it is not known.
 *
 * @param options.pixelRepresentation - 0 or 1, decides "US or SS"; default 0
 */
export function findVr(tag: number, options: { readonly pixelRepresentation?: number } = {}): string {
  vrByTag ??= loadVrTable();
  const group = Math.floor(tag / 65536);
  const element = tag % 65536;
  let vr = vrByTag.get(tag);
  if (vr === undefined && element === 0) return "UL";
  if ((group & 1) === 1) return element >= 0x10 && element <= 0xff ? "LO" : "UN";
  if (vr === undefined && group >= 0x5000 && group <= 0x60ff) {
    vr = vrByTag.get((group & 0xff00) * 65536 + element);
  }
  if (vr === "xs") return options.pixelRepresentation === 1 ? "SS" : "US";
  if (vr === "ox") return "OW";
  return vr ?? "UN";
}
