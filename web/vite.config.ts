import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { lab } from "./dev/lab.ts";

export default defineConfig({
  base: "/ui/",
  plugins: [react(), tailwindcss(), lab()],
  // Workers are modules, and no file is written into another as a data: address:
  // the content security policy of the dashboard allows neither.
  worker: { format: "es" },
  build: {
    outDir: "dist/ui",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 2_000,
  },
  server: { port: 5180, strictPort: false },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], environment: "node" },
});
