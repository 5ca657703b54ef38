import { prebuiltDirectory } from './cache.ts';
import { externalPackages } from './external-packages.ts';
import { getPackageBundle } from './package-bundle.ts';
import { prepareSdk } from './sdk-module.ts';

/** Makes what would otherwise slow down the first deploy: our library as one module, and the packages that come with us. */
export async function prebuildLibraries(): Promise<void> {
  const shipped = Object.values(externalPackages).filter(({ from }) => from === 'tackle');
  await Promise.all([
    prepareSdk(prebuiltDirectory),
    ...shipped.map((external) => getPackageBundle(external, { cacheDir: prebuiltDirectory })),
  ]);
}
