// Bundles a program with webpack, and puts the binary beside it.
const { join } = require('node:path')
const webpack = require('webpack')

const options = {
  mode: 'production',
  target: 'node',
  entry: './import.mjs',
  output: { path: join(__dirname, 'webpacked'), filename: 'main.cjs' },
  module: { rules: [{ test: /\.node$/, loader: 'node-loader' }] },
  // The package names the binaries of all platforms, of which one is installed.
  ignoreWarnings: [{ module: /session-store/ }],
}

webpack(options, (error, stats) => {
  if (error) throw error
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString())
})
