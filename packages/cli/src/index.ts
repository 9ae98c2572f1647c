export { defineConfig, type Config, type MountConfig, type PluginConfig } from "./config/config.ts";
